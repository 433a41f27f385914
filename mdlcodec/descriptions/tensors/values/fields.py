"""Patterns as sign, head and tail: the exponent and the mantissa, or an integer's length and its lower bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.data.tensor import DType
from mdlcodec.errors import CorruptFile

Fields = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.uint64]]
"""negative (n,), head (n,), tail (n,)."""

_LENGTH_BITS = 7  # of the length of an integer, 0..64


def head_bits(dtype: DType) -> int:
    """Bits of the head of values of that type."""
    return dtype.exponent_bits or _LENGTH_BITS


def tail_bits(dtype: DType) -> npt.NDArray[np.int64]:
    """Bits of the tail by head, int64 (2^head_bits,)."""
    if dtype.exponent_bits:
        return np.full(1 << dtype.exponent_bits, dtype.bits - 1 - dtype.exponent_bits, np.int64)
    return np.clip(np.arange(1 << _LENGTH_BITS) - 1, 0, 63)


def is_signed(dtype: DType) -> bool:
    """Whether values of that type have a sign."""
    return bool(dtype.exponent_bits) or dtype.name.startswith("I")


def split(patterns: npt.NDArray[np.unsignedinteger], dtype: DType) -> Fields:
    """Fields of patterns (n,)."""
    if dtype.exponent_bits:
        wide = patterns.astype(np.uint64)
        mantissa = dtype.bits - 1 - dtype.exponent_bits
        head = wide >> np.uint64(mantissa) & np.uint64((1 << dtype.exponent_bits) - 1)
        tail = wide & np.uint64((1 << mantissa) - 1)
        return (wide >> np.uint64(dtype.bits - 1)).astype(np.uint8), head.astype(np.int64), tail
    magnitude = patterns.astype(np.uint64)
    negative = np.zeros(patterns.shape, np.uint8)
    if is_signed(dtype):
        negative = (patterns >> patterns.dtype.type(dtype.bits - 1)).astype(np.uint8)
        opposite = (~patterns + patterns.dtype.type(1)).astype(np.uint64)
        magnitude = np.where(negative == 1, opposite, magnitude)
    length = np.zeros(patterns.shape, np.int64)
    for power in range(64):
        length += magnitude >= np.uint64(1) << np.uint64(power)
    below = np.uint64(1) << np.maximum(length - 1, 0).astype(np.uint64)
    return negative, length, np.where(length > 0, magnitude - below, np.uint64(0))


def join(fields: Fields, dtype: DType) -> npt.NDArray[np.unsignedinteger]:
    """Patterns (n,) of fields. Raises CorruptFile for integers that the type does not have."""
    negative, head, tail = fields
    if dtype.exponent_bits:
        mantissa = dtype.bits - 1 - dtype.exponent_bits
        wide = negative.astype(np.uint64) << np.uint64(dtype.bits - 1)
        wide |= head.astype(np.uint64) << np.uint64(mantissa) | tail
        return wide.astype(dtype.pattern)
    leading = np.uint64(1) << np.clip(head - 1, 0, 63).astype(np.uint64)
    magnitude = np.where(head > 0, leading + tail, np.uint64(0))
    positive = np.uint64((1 << dtype.bits - is_signed(dtype)) - 1)
    largest = positive + negative.astype(np.uint64)
    if (head > dtype.bits).any() or (magnitude > largest).any():
        raise CorruptFile(f"damaged: an integer that {dtype.name} does not have")
    return np.where(negative == 1, ~magnitude + np.uint64(1), magnitude).astype(dtype.pattern)


def order_keys(patterns: npt.NDArray[np.unsignedinteger], dtype: DType) -> npt.NDArray[np.uint64]:
    """Unsigned integers in the order of the values (-0.0 before 0.0; NaNs at the ends)."""
    wide = patterns.astype(np.uint64)
    top, whole = np.uint64(1 << dtype.bits - 1), np.uint64((1 << dtype.bits) - 1)
    if dtype.exponent_bits:
        return np.where(wide & top, ~wide & whole, wide | top)
    return wide ^ top if is_signed(dtype) else wide


def from_order_keys(keys: npt.NDArray[np.uint64], dtype: DType) -> npt.NDArray[np.unsignedinteger]:
    """Patterns of order_keys."""
    top, whole = np.uint64(1 << dtype.bits - 1), np.uint64((1 << dtype.bits) - 1)
    if dtype.exponent_bits:
        wide = np.where(keys & top, keys ^ top, ~keys & whole)
    else:
        wide = keys ^ top if is_signed(dtype) else keys
    return wide.astype(dtype.pattern)
