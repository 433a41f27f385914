"""Dropout (Srivastava et al. 2014; formats/arithmetic.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Backward, Pass, Plain, applied

ALL = 65536


@dataclass(frozen=True)
class Dropout(Plain):
    """Keeps each value with probability keep / 65536 in training, and scales it up; nothing in prediction."""

    keep: int

    def __post_init__(self) -> None:
        """Raise BadData for what is no share."""
        if not 1 <= self.keep <= ALL:
            raise BadData(f"dropout keeps {self.keep} of {ALL}; choose 1 to {ALL}")

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """Any shape. A word of noise decides four values."""
        if not run.training or self.keep == ALL:
            return x[0], None
        assert run.noise is not None
        words = run.noise.words((x[0].reshape(-1).shape[0] + 3) // 4)
        return applied(run.arithmetic.functions.dropout, x[0], words, self.keep)

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The same mask."""
        return ((g,), ()) if saved is None else super().backward(saved, g, wanted)
