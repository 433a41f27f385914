"""The chain of data processing inequalities: what a layer lost, none behind it has again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_ROUNDING = 1e-9


def violations(information: Sequence[float]) -> int:
    """How many layers, in their order, have more bits than the one before; estimates may, true informations
    not."""
    return sum(after > before + _ROUNDING for before, after in pairwise(information))
