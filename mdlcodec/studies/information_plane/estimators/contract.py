"""What an estimator of I(X;T) and I(T;Y) is shown of a layer, and what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mdlcodec.report.plane_records import SATURATED


@dataclass(frozen=True)
class Layer:
    """A layer at a checkpoint.

    ``values``: float32 (n, d), every example another x; ``classes``: int (n,); ``sample``: int (m,), which of
    them are the stated sample of examples that were not trained on; ``low``, ``high``: the range of its
    values at all checkpoints (`ranges.range_of`).
    """

    values: np.ndarray
    classes: np.ndarray
    sample: np.ndarray
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """In bits. ``ixt`` None where the estimator says nothing of X; ``n``: examples that it looked at;
    ``once``: share of the examples whose symbol no other one has, None without symbols; ``blob``: the file
    that proves ``iyt``."""

    ixt: float | None
    iyt: float
    n: int
    once: float | None = None
    blob: bytes | None = None

    @property
    def ceiling(self) -> float:
        """log2 n: no estimate from n examples says more."""
        return math.log2(self.n)

    @property
    def saturated(self) -> bool:
        """Whether I(X;T) says how many examples there were, and nothing else."""
        return self.ixt is not None and self.ixt > self.ceiling - SATURATED


class Estimator(Protocol):
    """Both informations of a layer."""

    def __call__(self, layer: Layer, /) -> Estimate:
        """See the class."""
