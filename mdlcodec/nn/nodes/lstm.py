"""A layer of LSTM cells (Hochreiter & Schmidhuber 1997; formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.lstm import KeptCells, begin_cells, cells_step, resume_cells
from mdlcodec.exact.lstm import Lstm as Cells
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Parameter, Pass, Plain, Shape, applied, check_at_least, scaled_normals
from mdlcodec.nn.nodes.places import on_cpu, places_and_features


@dataclass(frozen=True)
class Lstm(Plain):
    """(t, d) -> (t, width), from cells that are 0 before the first place.

    Weights start as N(0, 1 / inputs), biases at 0, but that of the forget gates at 1 (Jozefowicz et al. 2015).
    """

    width: int

    def __post_init__(self) -> None:
        """Raise BadData for no cells."""
        check_at_least(1, width=self.width)

    def outputs(self, *inputs: Shape) -> Shape:
        """(t, width). Raises BadData for what is no sequence."""
        return (places_and_features(inputs[0], "a layer of LSTM cells")[0], self.width)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight_ih (4 width, d), weight_hh (4 width, width), bias (4 width,): of input gates, forget gates, new
        values, output gates, as PyTorch has them."""
        gates = 4 * self.width
        return {
            "weight_ih": Parameter((gates, inputs[0][1])),
            "weight_hh": Parameter((gates, self.width)),
            "bias": Parameter((gates,)),
        }

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        gates, features = 4 * self.width, inputs[0][1]
        bias = np.zeros(gates, np.float32)
        bias[self.width : 2 * self.width] = 1.0
        first = scaled_normals((gates, features), max(1, features), 1.0, stream)
        return [first, scaled_normals((gates, self.width), self.width, 1.0, stream), bias]

    def fitted(self, shapes: Mapping[str, Shape]) -> Lstm:
        """The same with the cells of a weight."""
        return replace(self, width=max(1, shapes["weight_hh"][1]))

    def operations(self, *inputs: Shape) -> int:
        """One for each weight and place."""
        length, features = places_and_features(inputs[0], "a layer of LSTM cells")
        return length * 4 * self.width * (features + self.width)

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, T, D) -> (N, T, width)."""
        return applied(Cells, on_cpu(x[0]), *weights, run.with_digits(INPUT_DIGITS))

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> KeptCells:
        """Cells of 0, and the weights laid out."""
        return begin_cells(weights[0], weights[1], weights[2], streams, run.arithmetic)

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """The cells after those places."""
        resume_cells(kept, saved[1])

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """Of one more place."""
        return cells_step(x[0], kept)
