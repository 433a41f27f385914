"""Layer normalisation (Ba et al. 2016; formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.layer_normalisation import LayerNormalisation as Rows
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Parameter, Pass, Plain, Shape, applied
from mdlcodec.nn.nodes.places import on_cpu, places_and_features


@dataclass(frozen=True)
class LayerNormalisation(Plain):
    """(t, d) -> (t, d): each place by its own mean and variance. Gains start at 1, biases at 0."""

    def outputs(self, *inputs: Shape) -> Shape:
        """The input's shape. Raises BadData for what is no sequence."""
        return places_and_features(inputs[0], "layer normalisation")

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (the gain) and bias, (d,)."""
        return {"weight": Parameter(inputs[0][1:]), "bias": Parameter(inputs[0][1:])}

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        return [np.ones(inputs[0][1], np.float32), np.zeros(inputs[0][1], np.float32)]

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, T, D) -> (N, T, D)."""
        return applied(Rows, on_cpu(x[0]), *weights, run.arithmetic.reduction)
