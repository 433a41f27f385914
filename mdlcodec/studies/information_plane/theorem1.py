"""Theorem 1 of Shwartz-Ziv et al. 2018 (equation 3), beside the measured gap.

T was learned from the sample, so that nothing is proved here; it is drawn because the paper claims it.
"""

from __future__ import annotations

import math

DELTA = 0.05


def squared_gap_bound(ixt: float, m: int, delta: float = DELTA) -> float:
    """(2^I(X;T) + ln(2 / delta)) / 2m, for the squared gap of a representation and m examples; ``ixt`` in
    bits."""
    return (2.0**ixt + math.log(2.0 / delta)) / (2 * m)


def is_vacuous(ixt: float, m: int) -> bool:
    """Whether I(X;T) >= log2 2m, where the bound is 1 or more."""
    return ixt >= math.log2(2 * m)
