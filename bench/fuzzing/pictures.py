"""Images with right checksums and hostile fields: PNG by chunks, TIFF by tags, and the headers of the others."""

from __future__ import annotations

import io
import random
import struct
import zlib

from PIL import Image

from fuzzing.mutations import changed, hostile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ENDINGS = {"PNG": "png", "TIFF": "tif", "BMP": "bmp", "PPM": "ppm", "WEBP": "webp"}


def pictures(rng: random.Random) -> dict[str, list[bytes]]:
    """By the ending of their names, a few small images of every kind and mode."""
    made: dict[str, list[bytes]] = {ending: [] for ending in ENDINGS.values()}
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA"):
        size = (rng.randrange(1, 9), rng.randrange(1, 9))
        image = Image.frombytes("L", size, rng.randbytes(size[0] * size[1])).convert("RGB").convert(mode)
        if mode in ("RGBA", "LA"):
            image.putalpha(255)
        for kind, ending in ENDINGS.items():
            stream = io.BytesIO()
            try:
                image.save(stream, kind, **({"lossless": True} if kind == "WEBP" else {}))
            except (OSError, ValueError):  # no such mode there
                continue
            made[ending].append(stream.getvalue())
    made["png"] += [png(8, 8, rng.randbytes(64 + 8), interlaced=1), png(5, 3, b"\0\xff" * 3, depth=1)]
    made["ppm"] += [
        b"P1\n3 2\n1 0 1 0 1 1\n",
        b"P2 2 2 255\n0 9 255 3\n",
        b"P3 1 1 255 9 8 7\n",
        b"P4\n8 1\n\xaa",
    ]
    return made


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, rows: bytes, *, depth: int = 8, kind: int = 0, interlaced: int = 0) -> bytes:
    """A PNG file of ``rows`` as they are."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def changed_picture(rng: random.Random, ending: str, data: bytes, other: bytes) -> bytes:
    """A mutated image."""
    if ending == "png":
        return _changed_png(rng, data, other)
    if ending == "tif" and rng.random() < 0.8:
        return _changed_tiff(rng, data)
    if ending in ("bmp", "webp") and rng.random() < 0.6:  # words of the header
        at = rng.randrange(min(len(data) - 4, 60))
        return data[:at] + (hostile(rng, 3) & 0xFFFFFFFF).to_bytes(4, "little") + data[at + 4 :]
    if ending == "ppm" and rng.random() < 0.5:
        numbers = [i for i in range(min(len(data), 20)) if data[i : i + 1].isdigit()]
        at = rng.choice(numbers)
        return data[:at] + str(hostile(rng, 3)).encode() + data[at + 1 :]
    return changed(rng, data, other)


def _changed_png(rng: random.Random, data: bytes, other: bytes) -> bytes:
    chunks = _chunks(data)
    at = rng.randrange(len(chunks))
    name, content = chunks[at]
    choice = rng.random()
    if choice < 0.3:
        content = bytearray(chunks[0][1])
        place = rng.choice([0, 0, 4, 4, 8, 9, 10, 11, 12])
        if place < 8:
            content[place : place + 4] = (hostile(rng, 8) & 0xFFFFFFFF).to_bytes(4, "big")
        else:
            content[place] = rng.choice([0, 1, 2, 3, 4, 5, 6, 8, 16, 255])
        chunks[0] = (b"IHDR", bytes(content))
    elif choice < 0.6:  # what is under the compression
        chunks = [(n, _recompressed(rng, c, other) if n == b"IDAT" else c) for n, c in chunks]
    elif choice < 0.7:
        chunks[at] = (name, changed(rng, content, other))
    elif choice < 0.8:
        kinds = (
            b"PLTE",
            b"tRNS",
            b"gAMA",
            b"iCCP",
            b"zTXt",
            b"iTXt",
            b"eXIf",
            b"acTL",
            b"IDAT",
            b"QQQQ",
            b"sRGB",
        )
        new = rng.choice(
            [rng.randbytes(rng.choice([0, 1, 2, 3, 6, 768])), zlib.compress(bytes(10**6)), b"a\0\0"]
        )
        chunks.insert(at, (rng.choice(kinds), new))
    elif choice < 0.9:
        chunks.insert(at, rng.choice(chunks))
    else:
        return changed(rng, data, other)
    return SIGNATURE + b"".join(chunk(name, content) for name, content in chunks)


def _recompressed(rng: random.Random, content: bytes, other: bytes) -> bytes:
    try:
        rows = zlib.decompress(content)
    except zlib.error:
        return content
    if rng.random() < 0.1:
        rows += bytes(rng.choice([1, 1000, 10**7]))
    return zlib.compress(changed(rng, rows, other))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(SIGNATURE)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


def _changed_tiff(rng: random.Random, data: bytes) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    mutated = bytearray(data)
    for _ in range(rng.choice([1, 1, 2])):
        at = start + 2 + 12 * rng.randrange(count)
        choice = rng.random()
        if choice < 0.2:
            tag = rng.choice(
                [
                    256,
                    257,
                    258,
                    259,
                    262,
                    266,
                    273,
                    274,
                    277,
                    278,
                    279,
                    284,
                    317,
                    320,
                    322,
                    324,
                    338,
                    339,
                    330,
                ]
            )
            struct.pack_into(order + "H", mutated, at, tag)
        elif choice < 0.35:
            struct.pack_into(order + "H", mutated, at + 2, rng.randrange(20))
        elif choice < 0.55:
            struct.pack_into(order + "I", mutated, at + 4, hostile(rng, 1) & 0xFFFFFFFF)
        elif choice < 0.9:
            struct.pack_into(order + "I", mutated, at + 8, hostile(rng, 1) & 0xFFFFFFFF)
        else:
            struct.pack_into(
                order + "I", mutated, rng.choice([4, start + 2 + 12 * count]), rng.randrange(len(data) + 9)
            )
    return bytes(mutated)
