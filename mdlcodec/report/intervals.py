"""Means over seeds with Student's intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """``mean`` of ``count`` values, and how far the interval reaches to both sides; infinitely far for one."""

    mean: float
    half: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
        """Student's, of one value or more, which are taken for independent and nearly normal."""
        count, mean = len(values), math.fsum(values) / len(values)
        if count == 1:
            return cls(mean, math.inf, 1)
        variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
        return cls(mean, quantile(confidence, count - 1) * math.sqrt(variance / count), count)

    @property
    def low(self) -> float:
        """Its lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Its upper end."""
        return self.mean + self.half

    @property
    def has_zero(self) -> bool:
        """Whether 0 lies in it: no difference is seen."""
        return self.low <= 0.0 <= self.high


def quantile(confidence: float, freedom: int) -> float:
    """The t that |T| exceeds with probability 1 - confidence, for that many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + 0.5 * confidence))
