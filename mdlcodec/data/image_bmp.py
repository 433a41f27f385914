"""BMP files: what their headers say, and whether all of it is there (formats/data.md, Folders of images)."""

from __future__ import annotations

import struct

import numpy as np

from mdlcodec.data.image_refusal import DEEP, Damaged, Refused

_LENGTHS_OF_HEADERS = (40, 52, 56, 64, 108, 124)  # and 12, whose fields are shorter
_OS2 = 64
_PLAIN, _BY_MASKS = 0, 3
_ORDINARY_MASKS = (0xFF0000, 0xFF00, 0xFF, 0)
_DEPTHS = (1, 4, 8, 24, 32)


def _check_palette(raw: bytes, start: int, entry: int, declared: int, depth: int) -> None:
    """Raise Refused for greys that Pillow takes for pixels of another depth."""
    greys = (0, 255) if declared == 2 else range(declared)
    if any(raw[start + i * entry :][:3] != bytes([grey] * 3) for i, grey in enumerate(greys)):
        return
    if depth != (1 if declared <= 2 else 8):
        raise Refused(f"has a palette of {declared} greys for {depth} bits; convert the images to PNG")


def _check_unused(words: np.ndarray, masks: tuple[int, ...]) -> None:
    """Raise Refused when the bits of no colour vary: some decoders take them for transparency."""
    unused = 0xFFFFFFFF & ~(masks[0] | masks[1] | masks[2] | masks[3])
    rest = words & np.uint32(unused)
    if rest.size and not (np.all(rest == 0) or np.all(rest == unused)):
        raise Refused("may be transparent in places (32 bits a pixel); save the images without transparency")


def check(raw: bytes) -> int | None:
    """Number of colours in the palette of a BMP file, None if it has no palette. Raises Refused."""
    offset, length = struct.unpack_from("<II", raw.ljust(18, b"\0"), 10)
    if length != 12 and length not in _LENGTHS_OF_HEADERS:
        raise Damaged("the header is none of BMP's")
    if len(raw) < 14 + length:
        raise Damaged("the header is cut short")
    compression, colours = _PLAIN, 0
    if length == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", raw, 18)
    else:
        width, height, _, depth, compression, *_, colours = struct.unpack_from("<iiHHIIiiI", raw, 18)
    if depth not in _DEPTHS:
        raise Refused(DEEP)
    if compression != _PLAIN and (compression != _BY_MASKS or depth != 32 or length == _OS2):
        raise Refused("is a compressed BMP; convert the images to PNG, or to BMP without compression")
    start = 14 + length + (12 if compression == _BY_MASKS and length == 40 else 0)
    stride = (width * depth + 31) // 32 * 4
    if width <= 0 or height == 0 or offset < start:
        raise Damaged("the header is none of BMP's")
    if offset + stride * abs(height) > len(raw):
        raise Damaged("rows are missing")
    if depth == 32:
        masks = _ORDINARY_MASKS
        if compression == _BY_MASKS:
            masks = struct.unpack_from("<IIII" if length >= 56 else "<III", raw, 54)
            masks = (*masks, 0)[:4]
        if 0 in masks[:3]:
            raise Refused("has a colour without bits; convert the images to PNG")
        _check_unused(np.frombuffer(raw, "<u4", width * abs(height), offset), masks)
    if depth > 8:
        return None
    entry, declared = 3 if length == 12 else 4, colours or 1 << depth
    if declared > 1 << depth:
        raise Damaged("the palette does not fit the image")
    if offset < start + entry:
        raise Damaged("it has no palette")
    _check_palette(raw, start, entry, declared, depth)
    return min(declared, (offset - start) // entry)
