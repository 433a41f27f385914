"""Cases: of every kind of input that is not to be trusted, one after the other, from a generator of numbers."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

import numpy as np
import zstandard

from fuzzing import archives, frames, pictures, tables
from fuzzing.case import Case
from fuzzing.mutations import changed, hostile
from fuzzing.seeds import Labelled, Seeds, archive
from mdlcodec import data
from mdlcodec.container import write_frame
from mdlcodec.errors import MdlcodecError
from mdlcodec.files import checkpoints

_OUTPUTS = ("out.npy", "out.csv", "out-idx1-ubyte", "out-idx1-ubyte.gz")
_MOST_EXAMPLES = 3000


def cases(seeds: Seeds, rng: random.Random, only: str | None = None) -> Case:
    """The next case, of any kind or of one."""
    kinds: dict[str, tuple[int, Callable[[Seeds, random.Random], Case]]] = {
        "labels": (40, _labels),
        "text": (15, _text),
        "network": (20, _network),
        "weights": (14, _weights),
        "images": (9, _images),
        "tables": (7, _tables),
        "arrays": (6, _arrays),
        "checkpoint": (10, _checkpoint),
    }
    if only is not None:
        return kinds[only][1](seeds, rng)
    make = rng.choices([make for _, make in kinds.values()], [weight for weight, _ in kinds.values()])[0]
    return make(seeds, rng)


def _limits(rng: random.Random) -> dict[str, int]:
    return {
        "work": rng.choice([10**8, 10**9, 10**10, 4 * 10**10, 4 * 10**10]),
        "memory": rng.choice([10**6, 64 << 20, 100 << 20, 400 << 20, 400 << 20, 400 << 20]),
    }


def _quiet(rng: random.Random) -> list[str]:
    return rng.choice([["--quiet"], ["--quiet"], [], ["--quiet", "--json"], ["-v"]])


def mutated_labels(seeds: Seeds, rng: random.Random) -> tuple[Labelled, bytes, np.ndarray | None]:
    """A label file with a right checksum, of inputs that mostly fit."""
    item = rng.choice(seeds.labelled)
    other = rng.choice(seeds.labelled)
    choice = rng.random()
    if choice < 0.04:
        return item, changed(rng, item.blob, other.blob), item.x
    if choice < 0.1:
        body = changed(rng, item.blob[4:-4], other.blob[4:-4])
        return item, write_frame(rng.choice([0, 0, 1, 2, 3, item.kind]), body), item.x
    fields = frames.changed_fields(rng, item.fields, other.fields)
    if rng.random() < 0.8:
        fields = frames.with_right_sizes(fields)
    if rng.random() < 0.1:  # another learner
        fields[0].value = rng.randrange(8) << 4 | rng.choice([1, 1, 2, 5, 9])
        fields[min(1, len(fields) - 1)].value = rng.randrange(14)
    x = item.x
    if x is not None and rng.random() < 0.9:
        x = _fitting(rng, fields, x)
    return item, write_frame(item.kind, frames.body_of(fields)), x


def _fitting(rng: random.Random, fields: list[frames.Field], x: np.ndarray) -> np.ndarray:
    """As many inputs as the file wants, or others, whose digest it says."""
    n = next((field.value for field in fields if field.name == "n"), len(x))
    if isinstance(n, int) and n != len(x) and 0 < n <= _MOST_EXAMPLES:
        x = frames.tiled(x, n)
    elif rng.random() < 0.1:
        x = x.astype(rng.choice([np.float64, np.float32, np.int16, np.uint8]))
        x = x.reshape(len(x), -1)[:, : rng.choice([1, 2, 300])]
    elif rng.random() < 0.05 and x.dtype.kind == "f":
        x = x * rng.choice([1e-310, 1e300, np.nan, np.inf, 0.0])
    try:
        digest = data.from_arrays(x, None).inputs.digest[:4]
    except MdlcodecError:
        return x
    for field in fields:
        if field.name == "inputs":
            field.value = digest
    return x


def _labels(seeds: Seeds, rng: random.Random) -> Case:
    item, blob, x = mutated_labels(seeds, rng)
    files = {"f.mdl": blob}
    name = item.name
    choice = rng.random()
    if x is None or choice < 0.15:
        arguments = rng.choice([["list", "f.mdl"], ["test", "f.mdl"], ["unpack", "f.mdl", "-o", "w.npz"]])
        return Case("labels", [*arguments, *_quiet(rng)], files, **_limits(rng), outputs=["w.npz"], name=name)
    files["x.npz"] = archive(x=x)
    if choice < 0.2:
        arguments = ["test", "f.mdl", "--inputs", "x.npz"]
        return Case("labels", [*arguments, *_quiet(rng)], files, **_limits(rng), name=name)
    if choice < 0.22:
        arguments = ["bound", "f.mdl", "--inputs", "x.npz"]
        return Case("labels", [*arguments, *_quiet(rng)], files, **_limits(rng), name=name)
    output = rng.choice(_OUTPUTS) if rng.random() < 0.3 else _OUTPUTS[0]
    arguments = ["decode", "f.mdl", "--inputs", "x.npz", "-o", output]
    return Case("labels", [*arguments, *_quiet(rng)], files, **_limits(rng), outputs=[output], name=name)


def _text(seeds: Seeds, rng: random.Random) -> Case:
    item, other = rng.choice(seeds.texts), rng.choice(seeds.texts)
    choice = rng.random()
    if choice < 0.04:
        blob = changed(rng, item.blob, other.blob)
    elif choice < 0.1:
        blob = write_frame(rng.choice([0, 3, 4, 4]), changed(rng, item.blob[4:-4], other.blob[4:-4]))
    else:
        fields = frames.changed_fields(rng, item.fields, other.fields)
        if rng.random() < 0.8:
            fields = frames.with_right_sizes(fields)
        if rng.random() < 0.1:  # another learner
            fields[0].value = rng.choice([0, 1, 1, 2, 2]) << 4 | rng.choice([1, 1, 2, 5, 9])
            fields[min(1, len(fields) - 1)].value = rng.randrange(9)
        blob = write_frame(item.kind, frames.body_of(fields))
    arguments = rng.choice(
        [
            ["decode", "f.mdl", "-o", "out"],
            ["decode", "f.mdl", "-o", "out"],
            ["test", "f.mdl"],
            ["list", "f.mdl"],
        ]
    )
    return Case(
        "text",
        [*arguments, *_quiet(rng)],
        {"f.mdl": blob},
        **_limits(rng),
        outputs=["out"],
        name=item.name,
    )


def mutated_section(seeds: Seeds, rng: random.Random) -> bytes:
    """A network section."""
    choice = rng.random()
    if choice < 0.45:
        return frames.hostile_section(rng)
    if choice < 0.55:
        return rng.randbytes(rng.choice([0, 1, 2, 5, 20, 100, 500]))
    section = changed(rng, rng.choice(seeds.sections), rng.choice(seeds.sections))
    return section + rng.randbytes(rng.choice([0, 0, 0, 8, 300]))


def _network(seeds: Seeds, rng: random.Random) -> Case:
    files = {"n.mdl": frames.network_file(mutated_section(seeds, rng))}
    output = rng.choice(["w.npz", "w.safetensors"])
    arguments = rng.choice([["unpack", "n.mdl", "-o", output], ["list", "n.mdl"], ["test", "n.mdl"]])
    return Case("network", [*arguments, *_quiet(rng)], files, **_limits(rng), outputs=[output])


def _weights(seeds: Seeds, rng: random.Random) -> Case:
    ending = rng.choice(["safetensors", "npz", "pt", "pt", "pth"])
    whole, other = rng.choice(seeds.weights[ending]), rng.choice(seeds.weights[ending])
    if ending == "safetensors":
        blob = archives.changed_safetensors(rng, whole, other)
    elif ending == "pth":
        blob = archives.changed_pickle(rng, whole)
    else:
        blob = archives.changed_archive(rng, whole, other, ".npy" if ending == "npz" else "data.pkl")
    name = f"w.{rng.choice([ending, ending, 'bin', 'npz'])}"
    arguments = ["pack", name, "-o", "n.mdl", "--no-verify", *_quiet(rng)]
    if rng.random() < 0.2:
        arguments += rng.choice(
            [["--step", "0.1"], ["--bits", "2"], ["--prune", "0.5"], ["--unsigned-zeros"]]
        )
    return Case("weights", arguments, {name: blob}, **_limits(rng), outputs=["n.mdl"], name=ending)


def _coded(
    source: str, files: dict[str, bytes], rng: random.Random, kind: str, more: list[str], name: str
) -> Case:
    arguments = ["encode", source, "-o", "f.mdl", "--code", "uniform", "--no-verify", *more, *_quiet(rng)]
    if rng.random() < 0.2 and not more:
        files["f.mdl"] = _uniform()
        arguments = ["decode", "f.mdl", "--inputs", source, "-o", "out.npy", *_quiet(rng)]
    return Case(kind, arguments, files, **_limits(rng), outputs=["f.mdl", "out.npy"], name=name)


def _uniform() -> bytes:
    """A file of four labels, of any inputs."""
    return write_frame(0, bytes([1, 0, 4, 4, 2]) + bytes(8))


def _images(seeds: Seeds, rng: random.Random) -> Case:
    ending = rng.choice(["png", "png", "png", "tif", "tif", "bmp", "ppm", "webp"])
    known = seeds.pictures[ending]
    whole = rng.choice(known)
    mutated = pictures.changed_picture(rng, ending, whole, rng.choice(known))
    files = {f"images/a/1.{ending}": mutated, f"images/b/2.{ending}": rng.choice([mutated, whole, whole])}
    if rng.random() < 0.05:
        files[f"images/{rng.choice(['c', 'a'])}/x\x1b\n{rng.choice(['.png', '.txt', '.jpg'])}"] = mutated
    return _coded("images", files, rng, "images", [], ending)


def _tables(seeds: Seeds, rng: random.Random) -> Case:
    text = tables.changed_table(rng, rng.choice(seeds.tables), rng.choice(seeds.tables))
    ending, packed = tables.compressed(rng, text)
    source = f"t.{rng.choice(['csv', 'data', 'txt'])}{ending}"
    more = rng.choice([[], [], ["--target", "0"], ["--header", "yes"], ["--header", "no"], ["--as", "reals"]])
    return _coded(source, {source: packed}, rng, "tables", more, ending)


def _arrays(seeds: Seeds, rng: random.Random) -> Case:
    choice = rng.random()
    if choice < 0.6:
        whole, other = rng.choice(seeds.arrays), rng.choice(seeds.arrays)
        files = {"d.npz": archives.changed_archive(rng, whole, other, ".npy")}
        return _coded(
            "d.npz", files, rng, "arrays", rng.choice([[], [], ["--as", "reals"], ["--limit", "3"]]), "npz"
        )
    if choice < 0.85:
        pixels = tables.idx((6, 4, 4), rng.randbytes(96))
        answers = tables.idx((6,), bytes([0, 1, 2, 0, 1, 2]))
        files = {}
        for name, blob, other in (
            ("train-images-idx3-ubyte", pixels, answers),
            ("train-labels-idx1-ubyte", answers, pixels),
        ):
            blob = tables.changed_idx(rng, blob, other) if rng.random() < 0.7 else blob
            ending, packed = tables.compressed(rng, blob)
            files[f"mnist/{name}{'.gz' if ending == '.gz' else ''}"] = packed if ending != ".xz" else blob
        return _coded("mnist", files, rng, "arrays", [], "idx")
    record = bytes([3]) + rng.randbytes(3072)
    blob = record * 3 if rng.random() < 0.3 else changed(rng, record * 3, times=2)
    name = rng.choice(["data_batch_1.bin", "test_batch.bin", "train.bin"])
    return _coded("cifar", {f"cifar/{name}": blob}, rng, "arrays", [], "cifar")


def _checkpoint(seeds: Seeds, rng: random.Random) -> Case:
    item, whole = rng.choice(seeds.states)
    assert item.x is not None
    state = mutated_state(rng, whole)
    files = {"f.mdl": item.blob, "x.npz": archive(x=item.x), "state": state}
    arguments = [
        "decode",
        "f.mdl",
        "--inputs",
        "x.npz",
        "-o",
        "out.npy",
        "--checkpoint",
        "state",
        *_quiet(rng),
    ]
    work, memory = rng.choice([10**10, 4 * 10**10]), rng.choice([200 << 20, 500 << 20, 500 << 20])
    return Case("checkpoint", arguments, files, work, memory, outputs=["out.npy", "state"], name=item.name)


def mutated_state(rng: random.Random, whole: bytes) -> bytes:
    """A checkpoint of the same work whose digest is right."""
    if rng.random() < 0.05:
        return changed(rng, whole)
    head, work = whole[:9], whole[9:41]
    frame = whole[checkpoints._HEAD_BYTES :]
    content = zstandard.ZstdDecompressor().decompressobj().decompress(frame)
    choice = rng.random()
    if choice < 0.1:
        size, frame = hostile(rng, len(content)), frame
    elif choice < 0.2:
        size, frame = len(content), changed(rng, frame)
    elif choice < 0.25:
        size = rng.choice([1 << 20, 1 << 28, 1 << 31])
        frame = zstandard.ZstdCompressor(level=1).compress(bytes(min(size, 1 << 28)))
    else:
        if choice < 0.4:
            content = changed(rng, content)
        else:
            content = _mutated_arrays(rng, content)
        size, frame = len(content), zstandard.ZstdCompressor(level=1).compress(content)
    rest = size.to_bytes(8, "little") + frame
    return head + work + checkpoints._checksum(work, rest) + rest


def _mutated_arrays(rng: random.Random, content: bytes) -> bytes:
    saved = dict(checkpoints._read_content(content))
    names = list(saved)
    for _ in range(rng.choice([1, 1, 2, 4])):
        name = rng.choice(names)
        if name not in saved:
            continue
        array = np.array(saved[name])
        choice = rng.random()
        if choice < 0.55 and array.size:
            flat = array.reshape(-1)
            places = [rng.randrange(flat.size) for _ in range(rng.choice([1, 1, 5]))]
            flat[places if rng.random() < 0.9 else slice(None)] = _hostile_element(rng, array.dtype)
        elif choice < 0.65:
            array = np.resize(array, tuple(rng.choice([0, 1, 2, extent + 1]) for extent in array.shape))
        elif choice < 0.72:
            array = array.reshape(-1)[: rng.choice([0, 1, array.size])]
        elif choice < 0.8:
            with np.errstate(all="ignore"):
                array = array.astype(rng.choice(checkpoints._DTYPES))
        elif choice < 0.85:
            del saved[name]
            continue
        elif choice < 0.9:
            saved[rng.choice(["payload", "x", name + ".", "labels"])] = array
        else:
            other = saved[rng.choice([n for n in names if n in saved])]
            array = np.array(other)
        saved[name] = np.ascontiguousarray(array)
    return checkpoints._written_content(saved)


def _hostile_element(rng: random.Random, dtype: np.dtype) -> object:
    if dtype.kind == "f":
        return rng.choice(
            [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, 1e-45, 1e308 if dtype.itemsize == 8 else 3e38]
        )
    limits = np.iinfo(dtype)
    return rng.choice([limits.min, limits.max, 0, 1, -1 if limits.min else 2, limits.max // 2, 1 << 5])


def digest_of(case: Case) -> int:
    """A short name for a case."""
    return zlib.crc32(case.written())
