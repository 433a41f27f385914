"""Zip archives with right checksums: of arrays, of PyTorch's checkpoints; and pickles that nobody would write."""

from __future__ import annotations

import io
import pickle
import random
import struct
import warnings
import zipfile

import numpy as np

from fuzzing.mutations import INTEGERS, changed, hostile

_PICKLED = (
    b"}", b"]", b"(", b")", b"t", b"l", b"d", b"u", b"s", b"e", b"a", b"R", b"b", b"\x81", b"\x92", b"Q", b"0",
    b"2", b"1", b"\x85", b"\x86", b"\x87", b"\x88", b"N", b"h\0", b"q\0", b"\x94", b"\x8f", b"\x90", b"\x91",
    b"K\0", b"\x8a\x09" + b"\xff" * 9, b"\x8b\x10\0\0\0" + b"\x7f" * 16, b"X\1\0\0\0a", b"Bxxxx", b".",
    b"cbuiltins\neval\n", b"X\4\0\0\0a\nb\x1b", b"G\x7f\xf0\0\0\0\0\0\0", b"I99999999999\n", b"L-5L\n",
    b"F1e999\n", b"V\\u12\n", b"S'x'\n", b"P1\n", b"\x95\xff\0\0\0\0\0\0\0", b"\x96\xff\xff\xff\xff\0\0\0\0",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", b"J\xff\xff\xff\xff", b"i__main__\nx\n", b"\x97", b"\x98", b"\x82\1",
)  # fmt: skip


def members_of(data: bytes) -> dict[str, bytes]:
    """Name and content of every member."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(
    members: dict[str, bytes], rng: random.Random | None = None, compressed: bool = False
) -> bytes:
    """An archive of them; ``rng``: for members that stand there twice, and other ways of compression."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # of names that stand there twice
        for name, data in members.items():
            way = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            if rng is not None and rng.random() < 0.02:
                way = rng.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
            for _ in range(2 if rng is not None and rng.random() < 0.02 else 1):
                archive.writestr(zipfile.ZipInfo(name), data, way)
    return stream.getvalue()


def changed_archive(rng: random.Random, data: bytes, other: bytes, likely: str) -> bytes:
    """A mutated archive: a member changed inside, names, members of two archives, or the directory itself.

    ``likely``: how the name of the member ends that is changed most often.
    """
    if rng.random() < 0.15:  # the directory: sizes, offsets, names, flags
        start = data.rfind(b"PK\1\2")
        return data[:start] + changed(rng, data[start:], other)
    members = members_of(data)
    names = sorted(members)
    wanted = [name for name in names if name.endswith(likely)]
    name = rng.choice(wanted if wanted and rng.random() < 0.8 else names)
    choice = rng.random()
    if choice < 0.05:
        del members[name]
    elif choice < 0.12:
        new = rng.choice(
            [name + "\0", "../" + name, "/" + name, "file.npy", "\x1b[2J.npy", "a" * 3000 + ".npy", "x"]
        )
        members[new] = members.pop(name)
    elif choice < 0.2:
        members |= members_of(other)
    else:
        members[name] = _changed_member(rng, name, members[name])
    return archive_of(members, rng, rng.random() < 0.3 and not likely.endswith(".pkl"))


def _changed_member(rng: random.Random, name: str, data: bytes) -> bytes:
    if name.endswith(".pkl"):
        return changed_pickle(rng, data)
    if name.endswith(".npy") and rng.random() < 0.7:
        return changed_npy(rng, data)
    return changed(rng, data)


def changed_npy(rng: random.Random, data: bytes) -> bytes:
    """An array's file with another header, its length right."""
    size = struct.unpack_from("<H", data, 8)[0]
    header, content = data[10 : 10 + size].decode("latin-1"), data[10 + size :]
    extent = str(hostile(rng, 3))
    header = rng.choice(
        [
            header.replace("(", f"({extent}, ", 1),
            header.replace("(", f"({extent},), 'x': (", 1),
            header.replace(
                "<f8",
                rng.choice(["|O", "<U4294967295", "<c16", "|V0", ">f2", "|S0", "<M8[s]", "|b1", "<f16"]),
            ),
            header.replace(
                "False", rng.choice(["True", "None", "1e999", "{}", "[" * 300, "0x" + "f" * 5000])
            ),
            header.replace("descr", "descr'" * 3),
            header.replace("(", "(" * rng.choice([2, 100, 3000])),
            header.replace("'<f8'", "[('a', '<f8', (1000000, 1000000))]"),
            header.replace("'<f8'", "'<f8,' * 9"),
            "-" * rng.choice([10, 9000]),
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }",
            changed(rng, header.encode()).decode("latin-1"),
        ]
    )
    text = header.encode("latin-1")[:65000]
    return (
        data[:6]
        + rng.choice([b"\1\0", b"\1\0", b"\2\0", b"\3\0"])
        + struct.pack("<H", len(text))
        + text
        + content
    )


def changed_pickle(rng: random.Random, data: bytes) -> bytes:
    """A pickle with instructions put in, integers that are hostile, or other bytes."""
    mutated = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        choice = rng.random()
        at = rng.randrange(len(mutated))
        if choice < 0.3:
            mutated[at:at] = rng.choice(_PICKLED) * rng.choice([1, 1, 1, 40, 3000])
        elif choice < 0.65:
            places = [i for i in range(len(mutated) - 1) if mutated[i] in b"KMJ"]
            if places:
                at = rng.choice(places)
                width = {75: 1, 77: 2, 74: 4}[mutated[at]]
                mutated[at : at + 1 + width] = b"\x8a\x09" + hostile(rng, 3).to_bytes(9, "little")
        elif choice < 0.75:
            mutated = bytearray(pickle.dumps(_nested(rng), protocol=rng.choice([2, 3, 4, 5])))
        else:
            mutated[:] = changed(rng, bytes(mutated), times=1)
    return bytes(mutated)


def _nested(rng: random.Random) -> object:
    value: object = rng.choice([1, "x", np.float32(3), 2**200, float("nan"), b"", None, -(2**61)])
    for _ in range(rng.choice([1, 5, 60])):
        value = rng.choice([[value], (value,), {"state_dict": value}, {1: value}])
    return {"w": value, **{2**61 * i: i for i in range(rng.choice([0, 3, 300]))}}


def changed_safetensors(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Another header, whose length is right most times."""
    size = int.from_bytes(data[:8], "little")
    header, content = data[8 : 8 + size], data[8 + size :]
    choice = rng.random()
    if choice < 0.4:
        numbers = [i for i in range(len(header)) if header[i : i + 1].isdigit()]
        at = rng.choice(numbers)
        header = header[:at] + str(hostile(rng, 3)).encode() + header[at + 1 :]
    elif choice < 0.55:
        types = (b'"F64"', b'"BF16"', b'"I8"', b'"BOOL"', b'"F8_E8M0"', b'"F4"', b'"U64"', b'"C64"')
        header = header.replace(b'"F32"', rng.choice(types), 1)
    elif choice < 0.7:
        name = rng.choice([b'"\\u001b[2J', b'"\\ud800', b'"__metadata__', b'"' + b"x" * 9000, b'"\\n'])
        header = header.replace(b'"', name, 1)
    elif choice < 0.8:
        header = header.replace(b"[", b"[" * rng.choice([2, 200]), 1)
    else:
        header = changed(rng, header, other)
    length = len(header) if rng.random() < 0.9 else rng.choice(INTEGERS) & (1 << 64) - 1
    if rng.random() < 0.3:
        content = changed(rng, content, other)
    return length.to_bytes(8, "little") + header + content
