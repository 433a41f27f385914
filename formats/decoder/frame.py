"""The frame of a file, integers and text of bodies (formats/container.md)."""

import zlib


class Damaged(Exception):
    """A file that is not as formats/ says."""


class Unsupported(Exception):
    """A file that needs something that this decoder lacks."""


def read_frame(blob):
    """(kind, body), checks in the order of container.md."""
    if blob[:3] != b"MDL"[: len(blob)]:
        raise Damaged("not an mdlcodec file")
    if len(blob) >= 4 and blob[3] >> 4 > 1:
        raise Unsupported("needs a newer program")
    if len(blob) < 8:
        raise Damaged("truncated")
    if blob[3] >> 4 == 0:
        raise Damaged("version 0 does not exist")
    if zlib.crc32(blob[:-4]) != int.from_bytes(blob[-4:], "little"):
        raise Damaged("truncated or damaged: checksum")
    if blob[3] & 15 > 4:
        raise Unsupported("kind")
    return blob[3] & 15, blob[4:-4]


class Reader:
    """Fields of a body, one after another."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        """So many bytes."""
        if count > len(self.data) - self.at:
            raise Damaged("a field reaches beyond the body")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        """One byte as an integer."""
        return self.take(1)[0]

    def rest(self):
        """All bytes that are left."""
        return self.take(len(self.data) - self.at)

    def unsigned(self):
        """An unsigned integer."""
        value, shift = 0, 0
        while True:
            b = self.byte()
            value |= (b & 127) << shift
            if b < 128:
                break
            shift += 7
            if shift > 63:
                raise Damaged("integer of 2^64 or more")
        if (b == 0 and shift) or value >= 1 << 64:
            raise Damaged("integer not in shortest form")
        return value

    def signed(self):
        """A signed integer."""
        u = self.unsigned()
        return u // 2 if u % 2 == 0 else -(u + 1) // 2

    def text(self):
        """A text."""
        try:
            return self.take(self.unsigned()).decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged("UTF-8") from None
