"""TIFF files, tag by tag: one page that every decoder reads alike (formats/data.md, Folders of images)."""

from __future__ import annotations

import struct

import numpy as np

from mdlcodec.data.image_refusal import DEEP, NEITHER, SEVERAL, TURNED, Damaged, Refused
from mdlcodec.limits import check_reading

SIGNATURES = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
"""How files begin that Pillow takes for TIFF; the first two are read."""

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLOURS, _TILES, _PAGES, _EXTRA, _FORMAT = 317, 320, 324, 330, 338, 339
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # by the number of the type
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_VALUES = 1 << 20
_BYTES_OF_A_VALUE = 80  # of two tags that have as many
_RGB, _PALETTE = 2, 3
_ALPHA = ((1,), (2,))  # multiplied into the colours, or not: alike where all is opaque


class _Tags:
    """The tags of the only page. Raises Refused for several pages, and for values that are not there."""

    def __init__(self, raw: bytes) -> None:
        if raw[:4] not in SIGNATURES[:2]:
            raise Refused("is a TIFF of a kind that is not read; convert the images to PNG")
        self._raw, self._order = raw, "<" if raw[:2] == b"II" else ">"
        self._entries: dict[int, tuple[int, int, int]] = {}
        self._size = 0  # of all values
        try:
            (start,) = self._unpack("I", 4)
            (n,) = self._unpack("H", start)
            for at in range(start + 2, start + 2 + 12 * n, 12):
                self._add(at)
            (following,) = self._unpack("I", start + 2 + 12 * n)
        except struct.error as error:
            raise Damaged("tags are missing") from error
        if following or _PAGES in self._entries:
            raise Refused(SEVERAL)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self._raw, at)

    def _add(self, at: int) -> None:
        tag, kind, count = self._unpack("HHI", at)
        size = _BYTES.get(kind, 0) * count
        place = at + 8 if size <= 4 else self._unpack("I", at + 8)[0]
        self._size += size
        if place + size > len(self._raw) or self._size > len(self._raw):  # Pillow copies each
            raise Damaged("the value of a tag is missing, or lies in that of another")
        if tag in self._entries:
            raise Damaged("a tag stands there twice")
        self._entries[tag] = kind, count, place

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def values(self, tag: int, *default: int) -> tuple[int, ...]:
        """The integers of a tag."""
        if tag not in self._entries:
            return default
        kind, count, place = self._entries[tag]
        if kind not in _INTEGERS or count > _MOST_VALUES:
            raise Damaged(f"the value of the tag {tag} is no integer, or more than are allowed")
        check_reading(_BYTES_OF_A_VALUE * count, "the tags of a TIFF")
        return self._unpack(f"{count}{_INTEGERS[kind]}", place)

    def value(self, tag: int, default: int | None = None) -> int:
        """The one integer of a tag."""
        values = self.values(tag) if tag in self or default is None else (default,)
        if len(values) != 1:
            raise Damaged(f"the tag {tag} has no value, or several")
        return values[0]


def _check_colours(colours: np.ndarray, depth: int) -> None:
    """That ways to make 8 bits of 16 agree: the upper half, and a 257th rounded down or to the nearest."""
    if colours.size != 3 << depth:
        raise Damaged("the colour map does not fit the image")
    upper = colours >> 8
    alike = np.all(upper == colours // 257) and np.all(upper == (colours + 128) // 257)
    if not alike or 0 < colours.max() < 256:  # such are taken for values of 8 bits by some
        raise Refused("has a colour map that not every decoder reads alike; convert the images to PNG")


def _check_strips(tags: _Tags, size: int, samples: int, depth: int) -> None:
    """That every strip of rows is there, in a file of ``size`` bytes."""
    width, length, rows = tags.value(_WIDTH), tags.value(_LENGTH), tags.value(_ROWS, 2**32 - 1)
    apart = samples if tags.value(_PLANAR, 1) == 2 else 1
    row = (width * (samples // apart) * depth + 7) // 8
    offsets, counts = tags.values(_OFFSETS), tags.values(_COUNTS)
    if not rows or len(offsets) != apart * -(-length // rows) or len(counts) != len(offsets):
        raise Damaged("the number of its strips does not fit its rows")
    for i, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        first = i % (len(offsets) // apart) * rows
        needed = row * min(rows, length - first)
        if count < needed or offset + needed > size:
            raise Damaged("rows are missing")


def check(raw: bytes) -> None:
    """Raise Refused unless a file that Pillow takes for TIFF is one page, plain and upright, of 8 bits or less."""
    tags = _Tags(raw)
    if tags.value(_COMPRESSION, 1) != 1:  # libtiff prints what it finds wrong to the terminal
        raise Refused("is a compressed TIFF; convert the images to PNG, or to TIFF without compression")
    bits = tags.values(_BITS, 1)
    if max(bits, default=0) > 8 or set(tags.values(_FORMAT)) - {1}:
        raise Refused(DEEP)
    if tags.value(_ORIENTATION, 1) != 1:
        raise Refused(TURNED)
    kind, samples, extra = tags.value(_PHOTOMETRIC), tags.value(_SAMPLES, 1), tags.values(_EXTRA)
    if kind not in (0, 1, _RGB, _PALETTE):
        raise Refused(NEITHER)
    if (
        (extra and extra not in _ALPHA)
        or tags.value(_FILL_ORDER, 1) != 1
        or tags.value(_PREDICTOR, 1) != 1
        or _TILES in tags
    ):
        raise Refused("is a TIFF with tiles, or of another kind that is not read; convert the images to PNG")
    if len(bits) != samples or len(set(bits)) != 1:
        raise Damaged("its samples have no depth, or several")
    if kind == _PALETTE:
        _check_colours(np.array(tags.values(_COLOURS), np.int64), bits[0])
    _check_strips(tags, len(raw), samples, bits[0])
