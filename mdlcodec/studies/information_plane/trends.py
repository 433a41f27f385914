"""Trends over runs: rank correlation (Figure 1b), and the time to converge against the number of layers
(Figure 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from statistics import median

import numpy as np

_MOST_EXACT = 8  # pairs, all orders of which are gone through
_DRAWS = 10_000
NEAR = 1.05  # times the worst best loss


def spearman(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """Spearman's rho, ties at their mean rank, and its two-sided p: the share of orders of b with as large a
    |rho|, all orders of up to 8 pairs, else 10,000 drawn ones. None for fewer than three pairs, or where one
    is constant."""
    if len(a) < 3 or len(set(a)) < 2 or len(set(b)) < 2:
        return None
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    rho = float(x @ y) / scale
    if len(a) <= _MOST_EXACT:
        orders = np.array(list(permutations(range(len(a)))))
    else:
        generator = np.random.Generator(np.random.Philox(key=[0, 0x726861]))
        orders = np.array([generator.permutation(len(a)) for _ in range(_DRAWS)])
    others = np.abs(y[orders] @ x) / scale
    return rho, float((others >= abs(rho) - 1e-12).mean())


def smoothed(values: Sequence[float]) -> list[float]:
    """A running median of 3."""
    return [median(values[max(0, i - 1) : i + 2]) for i in range(len(values))]


def converged(steps: Sequence[int], losses: Sequence[float], target: float) -> int | None:
    """The first checkpoint's step from which on the smoothed loss stays below the target; None if it does
    not."""
    below = [loss < target for loss in smoothed(losses)]
    if not below[-1]:
        return None
    first = len(below) - next((i for i, one in enumerate(reversed(below)) if not one), len(below))
    return max(1, steps[first])


@dataclass(frozen=True)
class Trend:
    """log t on log K: ``slope`` and the 95 % interval ``low``, ``high`` of it; see `trend`."""

    slope: float
    low: float
    high: float

    @property
    def there(self) -> bool:
        """Whether it is told apart from none; "no trend" is a legal result."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def alpha(self) -> float | None:
        """-1 / slope, as section 5 has it; None without a trend."""
        return -1.0 / self.slope if self.there else None

    @property
    def alpha_interval(self) -> tuple[float, float] | None:
        """Of alpha; None without a trend."""
        return (-1.0 / self.low, -1.0 / self.high) if self.there else None


def trend(times: Sequence[Sequence[int]], ratio: float = 1.0) -> Trend | None:
    """``times``: for K = 1, 2, .. the steps of the seeds that converged; ``ratio``: of a checkpoint's step to
    the one before it, since a network converged somewhere between the two. None where fewer than two K have
    any.

    The interval is of networks drawn anew, whatever their K, each at a time drawn between its checkpoints.
    """
    there = np.array([(math.log(k), math.log(t)) for k, own in enumerate(times, 1) for t in own]).reshape(
        -1, 2
    )
    if len(set(there[:, 0].tolist())) < 2:
        return None
    generator = np.random.Generator(np.random.Philox(key=[0, 0x616C706861]))
    slopes: list[float] = []
    while len(slopes) < _DRAWS // 10:
        drawn = there[generator.integers(0, len(there), len(there))]
        late = generator.random(len(there))
        if np.ptp(drawn[:, 0]) > 0:
            slopes.append(_slope(drawn[:, 0], drawn[:, 1] - late * math.log(ratio)))
    low, high = np.quantile(np.array(slopes), [0.025, 0.975]).tolist()
    return Trend(_slope(there[:, 0], there[:, 1]), low, high)


def _slope(k: np.ndarray, t: np.ndarray) -> float:
    """Of a line of least squares, float64 (m,) each."""
    k = k - k.mean()
    return float(k @ t / (k @ k))
