"""Values as multiples of a step: uniform quantisation (formats/network.md, "Values")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.data.tensor import DType
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.values import fields
from mdlcodec.descriptions.tensors.values.codebook import MAX_ENTRIES, plan_of
from mdlcodec.descriptions.tensors.values.plan import Header, Patterns, Plan
from mdlcodec.errors import CorruptFile

NUMBER = 2
NAME = "step"

_LARGEST = 1023  # multiple
_TRIED = 16  # multiples that the smallest value may be
_FLOATS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


def header_of(patterns: Patterns, dtype: DType) -> Header | None:
    """(step's pattern, most negative and most positive multiple); None without a step."""
    if dtype.name not in _FLOATS:
        return None
    values = np.unique(patterns).view(_FLOATS[dtype.name])
    if values.size > MAX_ENTRIES or not np.isfinite(values).all():
        return None
    spaced = _step(values)
    if spaced is None:
        return None
    step, multiples = spaced
    return int(step.view(dtype.pattern)), int(-min(multiples.min(), 0)), int(max(multiples.max(), 0))


def _step(values: np.ndarray) -> tuple[np.ndarray, npt.NDArray[np.int64]] | None:
    """The largest step of which all values are multiples as the type rounds them, and the multiples."""
    sizes = np.abs(values.astype(np.float64))
    largest, infinity = values[np.argmax(sizes)], values.dtype.type(np.inf)
    if sizes.max() / _LARGEST > sizes.min():
        return None
    with np.errstate(all="ignore"):  # what overflows is no multiple
        for parts in range(1, _TRIED + 1):
            multiples = np.rint(values.astype(np.float64) / (sizes.min() / parts))
            if not np.abs(multiples).max() <= _LARGEST:
                return None
            middle = np.abs(largest / values.dtype.type(np.abs(multiples).max()))
            for step in (middle, np.nextafter(middle, -infinity), np.nextafter(middle, infinity)):
                if 0 < step < infinity and np.array_equal(multiples.astype(values.dtype) * step, values):
                    return np.asarray(step), multiples.astype(np.int64)
    return None


def code_plan(descriptions: Descriptions, header: Header | None, dtype: DType, nonzeros: int) -> Plan:
    """Code the header, and make the plan of it; CorruptFile for a header that no tensor has."""
    if dtype.name not in _FLOATS:
        raise CorruptFile(f"damaged: a step of type {dtype.name}")
    pattern, below, above = header or (0, 0, 0)
    pattern = descriptions.even(dtype.bits, pattern)
    below, above = descriptions.integer(6, below), descriptions.integer(6, above)
    step = np.array(pattern, dtype.pattern).view(_FLOATS[dtype.name])
    if max(below, above) > _LARGEST or below + above == 0 or not (np.isfinite(step) and step > 0):
        raise CorruptFile("damaged: a step that no tensor has")
    multiples = np.concatenate([np.arange(-below, 0), np.arange(1, above + 1)]).astype(step.dtype)
    with np.errstate(over="ignore", under="ignore"):
        keys = fields.order_keys((multiples * step).view(dtype.pattern), dtype)
    if not (keys[1:] > keys[:-1]).all():
        raise CorruptFile("damaged: a step that is too small or too large for its type")
    return plan_of(keys, dtype)
