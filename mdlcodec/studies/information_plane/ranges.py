"""The range that a layer's bins divide: that of its values at all checkpoints, told by the values
themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_ONE = 1e-4  # by which a row's sum may differ from 1


@dataclass(frozen=True)
class Extent:
    """Of values at some checkpoints: the least, the largest, and whether every row sums to 1."""

    low: float
    high: float
    sums_to_one: bool

    @classmethod
    def of(cls, values: np.ndarray) -> Extent:
        """float32 (n, d)."""
        ones = np.abs(values.sum(axis=1, dtype=np.float64) - 1.0).max() < _ONE
        return cls(float(values.min()), float(values.max()), bool(ones))


def range_of(extents: Iterable[Extent]) -> tuple[float, float]:
    """[0, 1] of a softmax (no value is negative, rows sum to 1), [0, largest] of a ReLU (none is negative),
    [-1, 1] of a tanh (none is beyond), else from the least to the largest."""
    extents = list(extents)
    low, high = min(e.low for e in extents), max(e.high for e in extents)
    if low >= 0.0:
        return 0.0, 1.0 if all(e.sums_to_one for e in extents) else max(high, 1e-30)
    return (-1.0, 1.0) if low >= -1.0 and high <= 1.0 else (low, high)
