"""What cases are made from: golden files with their inputs, small files of every code, weights, data."""

from __future__ import annotations

import io
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fuzzing import pictures
from fuzzing.frames import Field, label_fields, text_fields
from mdlcodec import container, data
from mdlcodec.codes import CODES
from mdlcodec.codes.text import TEXT_CODES
from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.data.weights import safetensors
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.errors import MdlcodecError
from mdlcodec.files import label_file, label_inputs, labels
from mdlcodec.files.checkpoints import CheckpointFile
from mdlcodec.limits import Limits

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))


@dataclass
class Labelled:
    """A label file with its inputs (None where they are not known) and its fields."""

    name: str
    blob: bytes
    x: np.ndarray | None
    fields: list[Field]
    kind: int


@dataclass
class Seeds:
    """All of them; ``texts``: text files; ``states``: a label file with the content of a checkpoint of its
    decoding."""

    labelled: list[Labelled] = field(default_factory=list)
    texts: list[Labelled] = field(default_factory=list)
    sections: list[bytes] = field(default_factory=list)
    weights: dict[str, list[bytes]] = field(default_factory=dict)
    pictures: dict[str, list[bytes]] = field(default_factory=dict)
    tables: list[bytes] = field(default_factory=list)
    arrays: list[bytes] = field(default_factory=list)
    states: list[tuple[Labelled, bytes]] = field(default_factory=list)


def fields_of(blob: bytes) -> tuple[int, list[Field]]:
    """Kind and fields of a whole label file."""
    kind, body = container.read_frame(blob)
    values = dict(container.sections(blob)).get("values", 0)
    return kind, label_fields(kind, body, values)


def archive(**arrays: np.ndarray) -> bytes:
    """An .npz file."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def collect(rng: random.Random) -> Seeds:
    """Everything; takes about a minute."""
    seeds = Seeds()
    _labelled(seeds)
    _texts(seeds)
    _sections(seeds)
    _weights(seeds)
    seeds.pictures = pictures.pictures(rng)
    seeds.tables = [
        b"5.1,3.5,a\n4.9,3.0,a\n6.2,3.4,b\n5.9,3.0,b\n",
        b'age,job,y\n39, clerk,<=50K\n50,"own, boss",>50K\n38,?,<=50K\n',
        b"1\n2\n3\n",
        b"x;y\n",
    ]
    pixels = rng.randbytes(6 * 4 * 4)
    seeds.arrays = [
        archive(x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2),
        archive(x=np.frombuffer(pixels, np.uint8).reshape(6, 4, 4), y=np.array(["a", "b"] * 3)),
        archive(x=np.arange(6, dtype=np.float32), y=np.linspace(0, 1, 6)),
    ]
    _states(seeds)
    return seeds


def _inputs() -> Iterator[np.ndarray]:
    """Of the golden files."""
    import real_cases
    import subspace_cases
    import two_part_cases
    import two_part_reals_cases
    import variational_cases
    from label_sets import blobs, images

    for module in (real_cases, subspace_cases, two_part_cases, two_part_reals_cases, variational_cases):
        for case in module.CASES.values():
            yield case.x
    yield from (blobs(24, 3)[0], images(16, 6)[0])


def _labelled(seeds: Seeds) -> None:
    from label_sets import blobs, images

    known = {data.from_arrays(x, None).inputs.digest[:4]: x for x in _inputs()}
    for path in sorted((ROOT / "tests" / "golden").rglob("*")):
        if path.suffix not in (".mdl", ".bin"):
            continue
        blob = path.read_bytes()
        try:
            kind, fields = fields_of(blob)
            header, _ = container.read_label_file(blob)
        except MdlcodecError:  # of a folder of bad ones
            continue
        seeds.labelled.append(Labelled(path.stem, blob, known.get(header.input_digest), fields, kind))
    x, y = blobs(24, 3)
    pixels = images(16, 6)
    for code, net, given, answers in (
        ("uniform", "auto", x, y),
        ("uniform", "auto", x, np.array(["a", "bé", "<=50K"])[y]),
        ("uniform", "auto", x, np.array([-1e300, 0.5, np.nan])[y]),
        ("prequential", "mlp", x, y),
        ("prequential", "kernel", x, y),
        ("prequential", "cnn", *pixels),
        ("switching", "auto", x, y),
        ("prequential", "kernel", x, np.zeros(24, bool)),
    ):
        dataset = data.from_arrays(given, answers)
        blob, _ = labels.encode(dataset, code=code, net=net, preset=1)
        kind, fields = fields_of(blob)
        seeds.labelled.append(Labelled(f"{code} {net}", blob, given, fields, kind))
    assert {item.fields[0].value >> 4 for item in seeds.labelled} >= {code.number for code in CODES.values()}  # type: ignore[operator]
    assert any(item.kind == container.KIND_REALS for item in seeds.labelled)


def _texts(seeds: Seeds) -> None:
    for path in sorted((ROOT / "tests" / "golden" / "good" / "text").glob("*.mdl")):
        blob = path.read_bytes()
        fields = text_fields(container.read_frame(blob)[1])
        seeds.texts.append(Labelled(path.stem, blob, None, fields, container.KIND_TEXT))
    assert {item.fields[0].value >> 4 for item in seeds.texts} >= {code.number for code in TEXT_CODES}  # type: ignore[operator]


def _sections(seeds: Seeds) -> None:
    for path in sorted((ROOT / "tests" / "golden").rglob("*.section")):
        seeds.sections.append(path.read_bytes())
    rng = np.random.default_rng(5)
    dense = rng.integers(-9, 9, (6, 7)).astype(np.float32)
    sparse = dense * (rng.random((6, 7)) < 0.4)
    for positions in ("csr", "significance"):
        for values in ("raw", "codebook", "fixed", "step"):
            tensors = [Tensor.of("fc1.weight", sparse), Tensor.of("fc1.bias", dense[0])]
            seeds.sections.append(encode_network(tensors, positions=positions, values=values))
    kinds = [
        Tensor(f"{dtype.name}", dtype, rng.integers(0, 2, (2, 3, 2)).astype(dtype.pattern))
        for dtype in DTYPES
    ]
    seeds.sections.append(encode_network(kinds))
    linked = [
        Tensor.of(f"conv{i}.weight", rng.normal(size=(4, 4, 3, 3)) * (rng.random((4, 4, 1, 1)) < 0.5))
        for i in (1, 2)
    ]
    seeds.sections.append(encode_network(linked))
    empty = [Tensor.of("a", np.zeros((0, 5))), Tensor.of("b", np.zeros((5, 5))), Tensor.of("c", np.ones(()))]
    seeds.sections.append(
        encode_network([*empty, *(Tensor.of(f"{i}", np.zeros(1, np.uint8)) for i in range(40))])
    )


def _weights(seeds: Seeds) -> None:
    import torch

    arrays = {
        "fc1.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fc1.bias": np.zeros(2),
        "n": np.int64(7),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w"
        safetensors.write([Tensor.of(name, np.asarray(array)) for name, array in arrays.items()], path)
        seeds.weights["safetensors"] = [path.read_bytes()]
        seeds.weights["npz"] = [archive(**{name: np.asarray(array) for name, array in arrays.items()})]
        state = {name: torch.tensor(array) for name, array in arrays.items()}
        shared = torch.arange(12.0)
        held = {
            "state_dict": {**state, "view": shared[2:8].reshape(2, 3).T, "half": shared.half()},
            "epoch": 3,
            "best": np.float64(0.5),
            "parameter": torch.nn.Parameter(shared[:2]),
        }
        seeds.weights["pt"], seeds.weights["pth"] = [], []
        for content in (state, held):
            torch.save(content, path)
            seeds.weights["pt"].append(path.read_bytes())
            torch.save(content, path, _use_new_zipfile_serialization=False)
            seeds.weights["pth"].append(path.read_bytes())
        torch.save(state, path, pickle_protocol=4)
        seeds.weights["pt"].append(path.read_bytes())


class _Ended(Exception):
    """A run is ended in the middle."""


def _states(seeds: Seeds) -> None:
    """Checkpoints of decodings that were ended before they were done."""
    wanted = (
        "prequential mlp",
        "prequential kernel",
        "prequential cnn",
        "switching auto",
        "kernel",
        "mlp",
        "lenet5",
    )
    with tempfile.TemporaryDirectory() as folder:
        for item in seeds.labelled:
            if item.name not in wanted or item.x is None:
                continue
            path = Path(folder) / f"{len(seeds.states)}"
            file = label_file.parse(item.blob)

            def watch(_: object, n: int = file.n) -> object:
                def progress(done: int, bits: float, stage: str = "", /) -> None:
                    if done >= n // 2:
                        raise _Ended

                return progress

            try:
                labels.decode(
                    file,
                    label_inputs.inputs_of(item.x),
                    limits=Limits(),
                    watch=watch,  # type: ignore[arg-type]
                    checkpoint=CheckpointFile(path, 0.0),
                )
            except _Ended:
                pass
            if path.exists():
                seeds.states.append((item, path.read_bytes()))
