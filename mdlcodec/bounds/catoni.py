"""Catoni's PAC-Bayes bound, as Zhou et al. 2018 have it: Theorem 3.1 and equation 3.2."""

from __future__ import annotations

import math
from collections.abc import Callable

# Fixed before any data: close to 1, since it multiplies a divergence of thousands of nats; each tenfold
# step closer costs 2 ln 10 nats.
ALPHA = 1.0 + 2.0**-13
_GRID = 64
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_STEPS = 60


def phi_inverse(gamma: float, x: float) -> float:
    """Equation 3.2 of Zhou et al. 2018: (1 - e^(-gamma x)) / (1 - e^-gamma)."""
    return math.expm1(-gamma * x) / math.expm1(-gamma)


def catoni_at(scale: float, error: float, divergence: float, n: int, epsilon: float) -> float:
    """The right side of equation 3.1 at lambda = ``scale`` > 1; ``divergence`` in nats."""
    union = 2.0 * math.log(math.log(ALPHA * ALPHA * scale) / math.log(ALPHA))
    return phi_inverse(scale / n, error + ALPHA / scale * (divergence - math.log(epsilon) + union))


def catoni_bound(error: float, divergence: float, n: int, epsilon: float) -> float:
    """Theorem 3.1 of Zhou et al. 2018: an upper bound on the error rate, at most 1.

    ``error``: the (expected) rate on the n training examples; ``divergence``: KL(posterior || prior), nats.
    It holds with probability 1 - epsilon, and for all lambda at once: the smallest is found by search.
    """

    def at(log_scale: float) -> float:
        return catoni_at(math.exp(log_scale), error, divergence, n, epsilon)

    low, high = math.log(1.0 + 1e-6), math.log(1e3 * n + 10.0)
    width = (high - low) / _GRID
    middle = min((low + width * i for i in range(_GRID + 1)), key=at)
    return min(at(_golden_section(at, max(low, middle - width), min(high, middle + width))), 1.0)


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if function(left) <= function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
