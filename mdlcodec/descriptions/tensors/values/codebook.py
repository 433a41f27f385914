"""Values as ranks in a codebook of exact values (formats/network.md, "Values").

Source: Han et al. 2016 (Deep Compression); Zhou et al. 2018, appendix A.1. The codebook lists the values in
order, as differences of their order keys; a value is its sign and its rank by size among those of its sign.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.data.tensor import DType
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.values import fields
from mdlcodec.descriptions.tensors.values.mixed import BOTH, LEVELS, NEGATIVE, POSITIVE, Shape
from mdlcodec.descriptions.tensors.values.plan import Header, Patterns, Plan
from mdlcodec.errors import CorruptFile

NUMBER = 1
NAME = "codebook"
MAX_ENTRIES = 4096

_DIFFERENCE = 8  # kinds of integers from here on: differences by the length of the one before
_HALF_BITS = 32


def header_of(patterns: Patterns, dtype: DType) -> Header | None:
    """Order keys of the distinct patterns; None where they are too many for a codebook."""
    distinct = np.unique(patterns)
    if distinct.size > min(MAX_ENTRIES, patterns.size):
        return None
    return tuple(int(key) for key in np.sort(fields.order_keys(distinct, dtype)))


def code_plan(descriptions: Descriptions, header: Header | None, dtype: DType, nonzeros: int) -> Plan:
    """Code the header, and make the plan of it; CorruptFile for a header that no tensor has."""
    return plan_of(_code_entries(descriptions, header, dtype, nonzeros), dtype)


def _code_entries(
    descriptions: Descriptions, header: Header | None, dtype: DType, nonzeros: int
) -> npt.NDArray[np.uint64]:
    """The codebook's order keys, uint64 (entries,), ascending, without that of zero."""
    entries = descriptions.integer(6, 0 if header is None else len(header) - 1) + 1
    if entries > min(MAX_ENTRIES, nonzeros):
        raise CorruptFile(f"damaged: a codebook of {entries:,} entries for {nonzeros:,} values")
    zero = int(fields.order_keys(np.zeros(1, dtype.pattern), dtype)[0])
    keys, key, length = np.empty(entries, np.uint64), -1, 0
    for i in range(entries):
        difference = 0 if header is None else header[i] - key - 1
        high = 0
        if dtype.bits > _HALF_BITS:
            high = descriptions.integer(7, difference >> _HALF_BITS)
        low = descriptions.integer(_DIFFERENCE + length, difference & ((1 << _HALF_BITS) - 1))
        length = low.bit_length()
        key += 1 + (high << _HALF_BITS) + low
        if key >= 1 << dtype.bits or key == zero or length > _HALF_BITS:
            raise CorruptFile("damaged: a value in a codebook that its type does not have")
        keys[i] = key
    return keys


def plan_of(keys: npt.NDArray[np.uint64], dtype: DType) -> Plan:
    """The plan of values with these order keys, uint64 (entries,), ascending, without that of zero."""
    patterns = fields.from_order_keys(keys, dtype)
    zero = fields.order_keys(np.zeros(1, dtype.pattern), dtype)[0]
    negatives = int(np.searchsorted(keys, zero))
    sides = (patterns[negatives:], patterns[:negatives][::-1])  # by size, positive then negative
    most = max(side.size for side in sides)
    head_bits = (most - 1).bit_length()
    levels = np.ones((2, 1 << head_bits), np.uint8)
    sizes = [_half_octaves(side, dtype) for side in sides]
    top = max(size.max() for size in sizes if size.size)
    for level, size in zip(levels, sizes, strict=True):
        level[: size.size] = np.clip(LEVELS - 1 - top + size, 1, LEVELS - 1)

    def split(values: Patterns) -> fields.Fields:
        rank = np.searchsorted(keys, fields.order_keys(values, dtype))
        negative = rank < negatives
        head = np.where(negative, negatives - 1 - rank, rank - negatives)
        return negative.astype(np.uint8), head.astype(np.int64), np.zeros(values.size, np.uint64)

    def join(parts: fields.Fields) -> Patterns:
        negative, head, _ = parts
        if head.size and (head >= np.where(negative == 1, negatives, keys.size - negatives)).any():
            raise CorruptFile("damaged: a value that is not in its codebook")
        return patterns[np.where(negative == 1, negatives - 1 - head, negatives + head)]

    signs = POSITIVE if negatives == 0 else NEGATIVE if negatives == keys.size else BOTH
    shape = Shape(signs, head_bits, np.zeros(1 << head_bits, np.int64), levels)
    return Plan(shape, split, join)


def _half_octaves(patterns: Patterns, dtype: DType) -> npt.NDArray[np.int64]:
    """How large values are, in steps of about the square root of 2."""
    _, head, tail = fields.split(patterns, dtype)
    bits = fields.tail_bits(dtype)[head]
    leading = np.where(bits > 0, tail >> np.maximum(bits - 1, 0).astype(np.uint64), np.uint64(0))
    return 2 * head + leading.astype(np.int64)
