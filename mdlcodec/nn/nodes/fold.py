"""Squares of places become channels; for inputs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Backward, Pass, Plain, Shape


@dataclass(frozen=True)
class Fold(Plain):
    """(c, h, w) -> (4 c, h / 2, w / 2): channels of the upper left places, upper right, lower left, lower right."""

    def outputs(self, *inputs: Shape) -> Shape:
        """See the class. Raises BadData for maps with an odd side."""
        if len(inputs[0]) != 3 or inputs[0][1] % 2 or inputs[0][2] % 2:
            raise BadData(f"folding takes maps with even sides, not values of shape {inputs[0]}")
        channels, height, width = inputs[0]
        return (4 * channels, height // 2, width // 2)

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H / 2, W / 2, 4 C)."""
        n, height, width, channels = x[0].shape
        squares = x[0].reshape(n, height // 2, 2, width // 2, 2, channels)
        folded = run.arithmetic.functions.permuted(squares, (0, 1, 3, 2, 4, 5))
        return folded.reshape(n, height // 2, width // 2, 4 * channels), None

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """Inputs have no gradient."""
        assert not wanted[0], "folding is for the inputs of a network alone"
        return (None,), ()
