"""PNG files, chunk by chunk: whole, undamaged, of one image (formats/data.md, Folders of images).

Pillow passes over checksums and missing rows, and lets a chunk count wherever it stands.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.image_refusal import DEEP, SEVERAL, Damaged, Refused

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _COLOUR: 3, _PALETTE: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {_GREY: (1, 2, 4, 8), _COLOUR: (8,), _PALETTE: (1, 2, 4, 8), _GREY_ALPHA: (8,), _COLOUR_ALPHA: (8,)}
_ONE_PASS = ((0, 0, 1, 1),)
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # first column and row of a pass, and the steps from one to the next
_LAST_FILTER = 4
_FED = 1 << 16
_MOST_CHUNKS = 1 << 18


@dataclass(frozen=True)
class Png:
    """A PNG file: ``colours`` that indices name (None without indices), the compressed ``stream`` of its rows;
    ``plain``: the file without what does not decide its pixels, of which there may be much."""

    width: int
    height: int
    depth: int
    kind: int
    interlaced: bool
    colours: int | None
    stream: bytes
    plain: bytes


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of every chunk, its checksum verified. Raises Damaged."""
    at = len(SIGNATURE)
    while at < len(raw):
        end = at + 12 + int.from_bytes(raw[at : at + 4], "big")
        name, content = raw[at + 4 : at + 8], raw[at + 8 : end - 4]
        if end > len(raw):
            raise Damaged("a chunk is cut short")
        if not name.isalpha():
            raise Damaged("a chunk has no name")
        if zlib.crc32(content, zlib.crc32(name)) != int.from_bytes(raw[end - 4 : end], "big"):
            raise Damaged(f"the checksum of a chunk {name.decode()} is wrong")
        yield name, content
        at = end


def _header(content: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, depth, kind of colour, and whether rows are interlaced."""
    if len(content) != 13:
        raise Damaged("the header has another length than 13 bytes")
    width, height, depth, kind, compression, filtering, interlacing = struct.unpack(">IIBBBBB", content)
    if depth == 16:
        raise Refused(DEEP)
    if depth not in _DEPTHS.get(kind, ()) or compression or filtering or interlacing > 1:
        raise Damaged("the header is none of PNG's")
    return width, height, depth, kind, bool(interlacing)


def _check_palette(content: bytes, depth: int, kind: int) -> int:
    """Number of colours in a PLTE chunk."""
    colours, rest = divmod(len(content), 3)
    if rest or not 0 < colours <= (1 << depth) or kind in (_GREY, _GREY_ALPHA):
        raise Damaged("the palette does not fit the image")
    return colours


def _check_transparency(content: bytes, depth: int, kind: int, colours: int) -> None:
    """Of a tRNS chunk. Whether any pixel is transparent is seen once there are pixels."""
    if kind == _PALETTE and 0 < len(content) <= colours:
        return
    if len(content) != {_GREY: 2, _COLOUR: 6}.get(kind):
        raise Damaged("the transparency does not fit the image")
    if depth < 8:  # the key is compared before or after values are scaled to 8 bits
        raise Refused(
            "is transparent by a colour key at less than 8 bits, which decoders read differently; "
            "save the images without transparency"
        )
    if any(content[::2]):
        raise Damaged("the colour that is transparent is no colour of 8 bits")


def parse(raw: bytes) -> Png:
    """The chunks of a PNG file, in their places. Raises Refused; nothing is unpacked yet."""
    chunks = _chunks(raw)
    first, content = next(chunks, (b"", b""))
    if first != b"IHDR":
        raise Damaged("it does not begin with a header")
    width, height, depth, kind, interlaced = _header(content)
    colours, names, decisive = 0, [first], [(first, content)]
    pieces: list[bytes] = []
    for name, content in chunks:
        if len(names) > _MOST_CHUNKS:
            raise Refused("has more chunks than are allowed; save the image again")
        if names[-1] == b"IEND":
            raise Refused("goes on after its image has ended; save the image again, alone")
        if name in (b"acTL", b"fcTL", b"fdAT"):
            raise Refused(SEVERAL)
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IEND") and name in names:
            raise Damaged(f"there are two chunks {name.decode()}")
        if name in (b"PLTE", b"tRNS") and pieces:
            raise Damaged(f"the chunk {name.decode()} comes too late")
        if name == b"PLTE":
            if b"tRNS" in names:
                raise Damaged("the palette comes too late")
            colours = _check_palette(content, depth, kind)
        elif name == b"tRNS":
            _check_transparency(content, depth, kind, colours)
        elif name == b"IDAT":
            if pieces and names[-1] != b"IDAT":
                raise Damaged("its rows are not in one place")
            pieces.append(content)
        elif name[:1].isupper() and name not in (b"IHDR", b"IEND"):
            raise Refused(f"has a chunk {name.decode()} that is none of PNG's; save the image again")
        names.append(name)
        if name in (b"PLTE", b"tRNS"):
            decisive.append((name, content))
    if names[-1] != b"IEND" or not pieces:
        raise Damaged("it has no end" if pieces else "it has no rows")
    if kind == _PALETTE and not colours:
        raise Damaged("it has no palette")
    named = colours if kind == _PALETTE else None  # else they are a suggestion
    stream = b"".join(pieces)
    plain = SIGNATURE + b"".join(_written(*chunk) for chunk in (*decisive, (b"IDAT", stream), (b"IEND", b"")))
    return Png(width, height, depth, kind, interlaced, named, stream, plain)


def _written(name: bytes, content: bytes) -> bytes:
    """A chunk of a file."""
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    )


def _shapes(png: Png) -> list[tuple[int, int]]:
    """Rows of every pass over the image, and the bytes of each."""
    shapes = []
    for x, y, across, down in _ADAM7 if png.interlaced else _ONE_PASS:
        columns, rows = -((x - png.width) // across), -((y - png.height) // down)
        if columns and rows:
            shapes.append((rows, 1 + (columns * png.depth * _CHANNELS[png.kind] + 7) // 8))
    return shapes


def _unpacked(stream: bytes, size: int) -> bytes:
    """A zlib stream that unpacks to ``size`` bytes, its checksum verified. Raises Damaged."""
    decoder, blocks, left = zlib.decompressobj(), [], size
    try:
        for at in range(0, len(stream), _FED):
            fed = stream[at : at + _FED]
            while fed and not decoder.eof:
                blocks.append(decoder.decompress(fed, left + 1))
                left -= len(blocks[-1])
                if left < 0:
                    raise Damaged("it holds more rows than it says")
                fed = decoder.unconsumed_tail
            if decoder.eof:
                if decoder.unused_data or at + _FED < len(stream):
                    raise Damaged("something follows its rows")
                break
    except zlib.error as error:
        raise Damaged(f"its rows cannot be unpacked: {str(error).rpartition(': ')[2]}") from error
    if not decoder.eof or left:
        raise Damaged("rows are missing")
    return b"".join(blocks)


def check_rows(png: Png) -> None:
    """That the rows are whole, of the number and length that the header says. Raises Damaged.

    Takes as much memory as the pixels do: sizes are to be looked at before.
    """
    shapes = _shapes(png)
    total = sum(n * size for n, size in shapes)  # integers
    rows = np.frombuffer(_unpacked(png.stream, total), np.uint8)
    at = 0
    for n, size in shapes:
        if rows[at : at + n * size : size].max() > _LAST_FILTER:
            raise Damaged("a row is filtered in no way of PNG's")
        at += n * size
