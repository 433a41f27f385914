"""Image files made byte by byte, so that what is wrong with them is said in one place."""

import struct
import zlib

from mdlcodec.data.image_file import pixels


def decoded(folder, raw, **options):
    """Pixels of a file of these bytes."""
    path = folder / "image"
    path.write_bytes(raw)
    return pixels(str(path), "na\nme", **options)


def chunk(name, content, checksum=None):
    """A chunk of a PNG file."""
    checksum = zlib.crc32(name + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width, height, rows, *, depth=8, kind=0, interlaced=0, before=(), after=(), end=b"", stream=None):
    """A PNG file of ``rows``, with chunks before and after those of its rows; ``stream``: instead of rows."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    stream = zlib.compress(rows) if stream is None else stream
    chunks = [chunk(b"IHDR", head), *before, chunk(b"IDAT", stream), *after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + end


def tiff(samples, tags, *, order="<", following=0):
    """A TIFF file of a page 4 wide and 1 high in 8 bits of grey, but for its ``tags``: number to integers.

    A tag of None is left out.
    """
    plain = {
        256: [4],
        257: [1],
        258: [8],
        259: [1],
        262: [1],
        273: [8],
        277: [1],
        278: [1],
        279: [len(samples)],
    }
    tags = {tag: values for tag, values in (plain | tags).items() if values is not None}
    samples += b"\0" * (len(samples) % 2)
    start = 8 + len(samples)
    entries, beyond = b"", b""
    for tag, values in sorted(tags.items()):
        raw = struct.pack(f"{order}{len(values)}I", *values)
        kind = 4
        if max(values) < 2**16:
            raw, kind = struct.pack(f"{order}{len(values)}H", *values), 3
        place = raw.ljust(4, b"\0")
        if len(raw) > 4:
            place = struct.pack(f"{order}I", start + 2 + 12 * len(tags) + 4 + len(beyond))
            beyond += raw
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + place
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    table = struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following)
    return head + samples + table + beyond


def bmp(width, height, rows, *, depth, palette=b"", colours=0, compression=0, offset=None):
    """A BMP file with a header of 40 bytes; ``palette``: what stands before the rows."""
    offset = 54 + len(palette) if offset is None else offset
    head = struct.pack("<IIiiHHIIiiII", offset, 40, width, height, 1, depth, compression, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<II", 54 + len(palette) + len(rows), 0) + head + palette + rows
