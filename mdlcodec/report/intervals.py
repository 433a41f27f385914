"""Means over seeds with Student's intervals."""

from __future__ import annotations

import functools
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


@functools.cache
def quantile(confidence: float, freedom: int) -> float:
    """The t that |T| exceeds with probability 1 - confidence, for that many degrees of freedom."""
    low, high = 0.0, 1.0
    while within(high, freedom) < confidence:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if within(middle, freedom) < confidence else (low, middle)
    return high


def within(t: float, freedom: int) -> float:
    """P(|T| <= t) of Student's distribution (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, odd = math.cos(angle), freedom % 2
    term = total = 0.0 if freedom == 1 else cosine if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= (k - 1) / k * cosine * cosine
        total += term
    if odd:
        return 2.0 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
