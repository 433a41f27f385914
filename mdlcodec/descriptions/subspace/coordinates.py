"""Coordinates of a subspace as bits: adaptive, of integers mostly small (formats/subspace.md, "Coordinates")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.descriptions.subspace.affine import LARGEST_COORDINATE
from mdlcodec.errors import CorruptFile
from mdlcodec.mixing.logistic import (
    HALF,
    INTEGER_SLOTS,
    BitDecoder,
    BitEncoder,
    code_adaptive,
    code_even,
    code_integer,
)

_UNARY = 16  # magnitudes up to here have a slot for each step; what is larger follows as an integer
_MOST_BITS = _UNARY + 2 + 128  # of a coordinate
_AT_ONCE = 1 << 12


@njit(cache=True)
def _code(coding, slots, values, largest):  # type: ignore[no-untyped-def]
    """Codes values, int64 (m,), in either direction. Returns whether all are within what the format allows."""
    for i in range(values.size):
        value = values[i]
        magnitude = 0
        while magnitude < _UNARY and code_adaptive(
            coding, slots, magnitude, 1 if abs(value) > magnitude else 0
        ):
            magnitude += 1
        if magnitude == _UNARY:
            more = code_integer(coding, slots, _UNARY, abs(value) - _UNARY)
            if more > largest - _UNARY:
                return False
            magnitude += more
        if magnitude and code_even(coding, 1, 1 if value < 0 else 0):
            values[i] = -magnitude
        else:
            values[i] = magnitude
    return True


def _slots() -> npt.NDArray[np.uint32]:
    return np.full(_UNARY + INTEGER_SLOTS, HALF, np.uint32)


def encode_coordinates(values: np.ndarray) -> bytes:
    """The bytes of integers (m,) of magnitude at most LARGEST_COORDINATE."""
    encoder, slots = BitEncoder(), _slots()
    for start in range(0, values.size, _AT_ONCE):
        part = values[start : start + _AT_ONCE].astype(np.int64)
        if not _code(encoder.coding(_MOST_BITS * part.size), slots, part, LARGEST_COORDINATE):
            raise ValueError(f"a coordinate is beyond {LARGEST_COORDINATE}")
    return encoder.finish()


def decode_coordinates(data: bytes, dimension: int) -> np.ndarray:
    """The coordinates, int64 (dimension,). Raises CorruptFile for what no encoder writes."""
    decoder, slots = BitDecoder(data), _slots()
    coordinates = np.zeros(dimension, np.int64)
    for start in range(0, dimension, _AT_ONCE):
        part = coordinates[start : start + _AT_ONCE]
        fine = _code(decoder.coding(_MOST_BITS * part.size), slots, part, LARGEST_COORDINATE)
        if not (fine and decoder.intact):
            raise CorruptFile("damaged: the coordinates of its network do not decode")
    if not decoder.is_whole():
        raise CorruptFile("damaged: the coordinates of its network are cut short, or something follows them")
    return coordinates
