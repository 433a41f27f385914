"""What is coded given the inputs: what both sides know of it before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Target(Protocol):
    """What both sides know of the values, one for each example, before they are coded."""

    @property
    def is_settled(self) -> bool:
        """Whether the values are known already, so that there is nothing to code."""

    def settled(self, n: int) -> np.ndarray:
        """The n values where they are known already, as codes give them."""


@dataclass(frozen=True)
class Classes:
    """Each value is one of k >= 1 classes, int32 in 0..k-1."""

    k: int

    @property
    def is_settled(self) -> bool:
        """See Target.is_settled."""
        return self.k == 1

    def settled(self, n: int) -> np.ndarray:
        """See Target.settled."""
        return np.zeros(n, np.int32)
