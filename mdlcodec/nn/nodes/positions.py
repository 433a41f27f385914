"""Learned rows of a table, one for each place, are added (formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.embedding import Positions as Rows
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Parameter, Pass, Plain, Shape, applied, check_at_least
from mdlcodec.nn.nodes.places import on_cpu, places_and_features


@dataclass
class _Kept:
    """A table, and the place that comes next."""

    table: np.ndarray
    place: int = 0


@dataclass(frozen=True)
class Positions(Plain):
    """(t, d) -> (t, d), t at most ``places``. Rows start as N(0, spread^2)."""

    places: int
    spread: float = 0.25

    def __post_init__(self) -> None:
        """Raise BadData for what is no table."""
        check_at_least(1, places=self.places)

    def outputs(self, *inputs: Shape) -> Shape:
        """The input's shape. Raises BadData for what is no sequence, or is too long."""
        length, _ = places_and_features(inputs[0], "a table of places")
        if length > self.places:
            raise BadData(f"a table of {self.places} places does not fit a sequence of {length}")
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (places, d)."""
        return {"weight": Parameter((self.places, inputs[0][1]))}

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        return [stream.normals((self.places, inputs[0][1])) * np.float32(self.spread)]

    def fitted(self, shapes: Mapping[str, Shape]) -> Positions:
        """The same with the places of a table."""
        return replace(self, places=shapes["weight"][0])

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, T, D) -> (N, T, D)."""
        return applied(Rows, on_cpu(x[0]), weights[0], run.arithmetic.reduction)

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> _Kept:
        """At the first place."""
        return _Kept(weights[0])

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """At the place after those."""
        kept.place = x[0].shape[1]

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """The row of this place added."""
        y, _ = Rows.forward(x[0], kept.table[kept.place : kept.place + 1])
        kept.place += 1
        return y
