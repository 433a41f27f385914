"""GELU (Hendrycks & Gimpel 2016; formats/arithmetic.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.nn.node import Pass, Plain, applied


@dataclass(frozen=True)
class Gelu(Plain):
    """x Phi(x), nearly."""

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """Any shape."""
        return applied(run.arithmetic.functions.gelu, x[0])
