"""Rotary positions: queries and keys turn by angles that grow with their place (formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.rotation import Rotation as Turned
from mdlcodec.nn.node import Pass, Plain, Shape, applied, check_at_least
from mdlcodec.nn.nodes.places import on_cpu, queries_keys_values


@dataclass
class _Kept:
    """The place that comes next."""

    place: int = 0


@dataclass(frozen=True)
class Rotation(Plain):
    """(t, 3 d) -> (t, 3 d): of queries, keys and values side by side, the first two turned (Su et al. 2021)."""

    heads: int

    def __post_init__(self) -> None:
        """Raise BadData for no heads."""
        check_at_least(1, heads=self.heads)

    def outputs(self, *inputs: Shape) -> Shape:
        """The input's shape. Raises BadData for what are no queries, keys and values of so many heads."""
        queries_keys_values(inputs[0], self.heads, "a rotation")
        return inputs[0]

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, T, 3 d) -> (N, T, 3 d)."""
        return applied(Turned, on_cpu(x[0]), self.heads)

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> _Kept:
        """At the first place."""
        return _Kept()

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """At the place after those."""
        kept.place = x[0].shape[1]

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """Of one more place."""
        y, _ = Turned.forward(np.ascontiguousarray(x[0]), self.heads, kept.place)
        kept.place += 1
        return y
