"""The frame of every file: magic, version, kind, body, checksum; and the integers inside bodies.

Specified in formats/container.md. What a body means is the business of the module of its kind.
"""

from __future__ import annotations

import zlib

from mdlcodec.errors import CorruptFile, Unsupported

MAGIC = b"MDL"
FORMAT_VERSION = 1
KIND_LABELS = 0
KIND_NETWORK = 1
KIND_REALS = 2
KIND_SAMPLED_NETWORK = 3
KIND_TEXT = 4

HEAD_BYTES = len(MAGIC) + 1
CHECKSUM_BYTES = 4


def write_frame(kind: int, body: bytes) -> bytes:
    """The file of one kind (0..15) with that body."""
    if not 0 <= kind <= 15:
        raise ValueError(f"kind {kind} is not in 0..15")
    framed = MAGIC + bytes([FORMAT_VERSION << 4 | kind]) + body
    return framed + zlib.crc32(framed).to_bytes(CHECKSUM_BYTES, "little")


def read_frame(blob: bytes) -> tuple[int, bytes]:
    """Kind (0..15) and body of a file.

    CorruptFile if it is not ours, truncated or damaged; Unsupported if its version is newer than this
    program's. The version is looked at before the checksum, whose place a newer version may change.
    """
    if blob[: len(MAGIC)] != MAGIC:
        if MAGIC.startswith(blob):
            raise CorruptFile(f"truncated: only {len(blob)} bytes")
        raise CorruptFile("not an mdlcodec file")
    if len(blob) < HEAD_BYTES:
        raise CorruptFile(f"truncated: only {len(blob)} bytes")
    version, kind = blob[len(MAGIC)] >> 4, blob[len(MAGIC)] & 15
    if version > FORMAT_VERSION:
        raise Unsupported(
            f"format version {version}; this program reads up to {FORMAT_VERSION}: install a newer mdlcodec"
        )
    if version < 1:
        raise CorruptFile(f"damaged: format version {version} does not exist")
    if len(blob) < HEAD_BYTES + CHECKSUM_BYTES:
        raise CorruptFile(f"truncated: only {len(blob)} bytes")
    framed, checksum = blob[:-CHECKSUM_BYTES], blob[-CHECKSUM_BYTES:]
    if zlib.crc32(framed).to_bytes(CHECKSUM_BYTES, "little") != checksum:
        raise CorruptFile("truncated or damaged: the checksum differs")
    return kind, framed[HEAD_BYTES:]


def unsigned(value: int) -> bytes:
    """Value in 0..2^64-1 as base-128 digits, lowest first, the high bit on all but the last (LEB128)."""
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{value} is not in 0..2^64-1")
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def signed(value: int) -> bytes:
    """Value in -2^63..2^63-1 as unsigned 2v, or -2v-1 if negative (zigzag)."""
    return unsigned(value << 1 if value >= 0 else ~value << 1 | 1)


class Reader:
    """Reads the fields of a body front to back; CorruptFile for any that are not there or not minimal."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.position = 0

    def take(self, size: int) -> bytes:
        """The next size bytes."""
        if not 0 <= size <= len(self._body) - self.position:
            raise CorruptFile(f"damaged: a field of {size} bytes does not fit into the file")
        self.position += size
        return self._body[self.position - size : self.position]

    def rest(self) -> bytes:
        """All bytes not read yet."""
        return self.take(len(self._body) - self.position)

    def byte(self) -> int:
        """The next byte, 0..255."""
        return self.take(1)[0]

    def unsigned(self) -> int:
        """An integer in 0..2^64-1 written by unsigned(), in its shortest form."""
        value = 0
        for shift in range(0, 70, 7):
            digit = self.byte()
            value |= (digit & 127) << shift
            if digit < 128:
                if value >= 1 << 64 or (digit == 0 and shift):
                    break
                return value
        raise CorruptFile("damaged: an integer is too large or not in its shortest form")

    def signed(self) -> int:
        """An integer in -2^63..2^63-1 written by signed()."""
        value = self.unsigned()
        return value >> 1 if value & 1 == 0 else ~(value >> 1)
