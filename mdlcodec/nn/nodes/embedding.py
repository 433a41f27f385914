"""Symbols become rows of a table (formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.embedding import Embedding as Rows
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Parameter, Pass, Plain, Shape, applied, check_at_least
from mdlcodec.nn.nodes.places import on_cpu


@dataclass(frozen=True)
class Embedding(Plain):
    """(t,) symbols below ``symbols`` -> (t, width): a row for each. Rows start as N(0, spread^2)."""

    width: int
    symbols: int = 256
    spread: float = 1.0

    def __post_init__(self) -> None:
        """Raise BadData for what is no table."""
        check_at_least(0, width=self.width)
        check_at_least(1, symbols=self.symbols)

    def outputs(self, *inputs: Shape) -> Shape:
        """(t, width). Raises BadData for what are no symbols."""
        if len(inputs[0]) != 1:
            raise BadData(f"an embedding takes symbols at places, (t,), not values of shape {inputs[0]}")
        return (inputs[0][0], self.width)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (symbols, width)."""
        return {"weight": Parameter((self.symbols, self.width))}

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        return [stream.normals((self.symbols, self.width)) * np.float32(self.spread)]

    def fitted(self, shapes: Mapping[str, Shape]) -> Embedding:
        """The same with the width of a table."""
        return replace(self, width=shapes["weight"][1])

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """Integers (N, T) -> (N, T, width). Raises IndexError for a symbol that the table has no row for."""
        return applied(Rows, on_cpu(x[0]), weights[0], run.arithmetic.reduction)
