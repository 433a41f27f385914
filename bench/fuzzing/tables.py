"""Tables, IDX files, CIFAR's records and compressed files of them."""

from __future__ import annotations

import gzip
import lzma
import random
import zlib

from fuzzing.mutations import changed, hostile

_CELLS = (
    "", " ", "?", "NA", "nan", "inf", "-inf", "1e999", "-0", "0x10", "1_000", "9" * 400, "1e-400", '"', '""',
    '"a"', '" a "', '"a\nb"', '"a""b"', "a\tb", "\x1b[2J", "\u202ex", "\ufeff", "\0", "\x85", "\u2028", "é" * 50,
    "'", "1,5", "\u0661\u0662", "½", "true", "2020", "1e5", "+5", "99999999999999999999", "0.1", "a" * 70000,
    "\\N", "#", "\r", "\n" * 5,
)  # fmt: skip


def changed_table(rng: random.Random, text: bytes, other: bytes) -> bytes:
    """A table with cells, commas and lines changed."""
    rows = [line.split(b",") for line in text.split(b"\n")]
    for _ in range(rng.choice([1, 1, 2, 5])):
        row = rng.choice(rows)
        at, choice = rng.randrange(len(row)), rng.random()
        if choice < 0.5:
            row[at] = rng.choice(_CELLS).encode("utf-8", "surrogatepass")
        elif choice < 0.6:
            for some in rows:
                some[min(at, len(some) - 1)] = rng.choice(_CELLS).encode()
        elif choice < 0.65:
            rows += rows[: rng.choice([1, 3, len(rows)])]
        elif choice < 0.7:
            row += [b"x"] * rng.choice([1, 2, 70000])
        elif choice < 0.75:
            rows[rng.randrange(len(rows))] = [b""] * rng.choice([1, 2])
        elif choice < 0.8:
            rows.insert(0, [b"name%d" % i for i in range(len(row))])
        elif choice < 0.85:
            rows[:] = [r + [b"1"] * 40 for r in rows]
        else:
            row[at] = changed(rng, row[at])
    joined = b"\n".join(b",".join(row) for row in rows)
    if rng.random() < 0.2:
        joined = changed(rng, joined, other)
    if rng.random() < 0.05:
        joined = joined.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\n" * 300]))
    if rng.random() < 0.02:
        joined += b"\n" * rng.choice([70_000, 10**6])
    return joined


def idx(shape: tuple[int, ...], data: bytes) -> bytes:
    """An IDX file of bytes."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(extent.to_bytes(4, "big") for extent in shape) + data


def changed_idx(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Its header most times."""
    if rng.random() < 0.6:
        axis = rng.randrange(data[3])
        at = 4 + 4 * axis
        extent = hostile(rng, int.from_bytes(data[at : at + 4], "big")) & 0xFFFFFFFF
        return data[:at] + extent.to_bytes(4, "big") + data[at + 4 :]
    return changed(rng, data, other)


def compressed(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """The ending of the name, and the file: as it is, in gzip or xz; seldom damaged, or a bomb."""
    choice = rng.random()
    if choice < 0.6:
        return "", data
    if choice < 0.8:
        packed, ending = gzip.compress(data, 1), ".gz"
    else:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": rng.choice([4096, 1 << 20])}]
        packed, ending = lzma.compress(data, lzma.FORMAT_XZ, filters=filters), ".xz"
    choice = rng.random()
    if choice < 0.2:
        packed = changed(rng, packed)
    elif choice < 0.25:
        packed += packed * rng.choice([1, 200])
    elif choice < 0.28:
        packed += (
            gzip.compress(rng.choice([b"\n", b"\0", b"1,2\n", b","]) * 20_000_000, 1)
            if ending == ".gz"
            else b"\0" * 4
        )
    elif choice < 0.3 and ending == ".xz":
        packed = _with_dictionary(packed, rng.randrange(41))
    return ending, packed


def _with_dictionary(packed: bytes, size: int) -> bytes:
    """The stream with another size of its dictionary in its first block, the checksum of the header right."""
    block = bytearray(packed[12 : 12 + 4 * (packed[12] + 1)])
    at = block.find(b"\x21\x01")
    if at < 0:
        return packed
    block[at + 2] = size
    block[-4:] = zlib.crc32(bytes(block[:-4])).to_bytes(4, "little")
    return packed[:12] + bytes(block) + packed[12 + len(block) :]
