"""A fully connected layer (formats/arithmetic.md, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import INPUT_DIGITS, Digits
from mdlcodec.exact.linear import Linear as Product
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import SQRT_2, Backward, Parameter, Pass, Plain, Shape, check_at_least, scaled_normals


@dataclass(frozen=True)
class Linear(Plain):
    """y = x w^T + b, or without b: (d,) -> (width,). ``width`` None: as many as the targets need, which
    `Graph.for_outputs` says.

    Weights start as N(0, gain^2 / d), biases at 0. ``digits``: of the operands of its products.
    """

    width: int | None = None
    gain: float = SQRT_2
    digits: Digits = INPUT_DIGITS
    bias: bool = True

    def __post_init__(self) -> None:
        """Raise BadData for a width that is none."""
        check_at_least(0, width=0 if self.width is None else self.width)

    def outputs(self, *inputs: Shape) -> Shape:
        """(width,). Raises BadData for maps: they are flattened first."""
        if len(inputs[0]) != 1:
            raise BadData(f"a linear layer takes columns, not maps of shape {inputs[0]}; flatten them first")
        assert self.width is not None, "the graph is for no number of outputs yet"
        return (self.width,)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (width, d) and, unless there is none, bias (width,)."""
        (width,), (size,) = self.outputs(*inputs), inputs[0]
        own = {"weight": Parameter((width, size))}
        return own | ({"bias": Parameter((width,))} if self.bias else {})

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        (width,), (size,) = self.outputs(*inputs), inputs[0]
        weights = scaled_normals((width, size), size, self.gain, stream)
        return [weights, np.zeros(width, np.float32)][: 1 + self.bias]

    def fitted(self, shapes: Mapping[str, Shape]) -> Linear:
        """The same with the width of a weight."""
        return replace(self, width=shapes["weight"][0])

    def operations(self, *inputs: Shape) -> int:
        """width * d."""
        return self.outputs(*inputs)[0] * inputs[0][0]

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, d) -> (N, width)."""
        arithmetic = run.with_digits(self.digits)
        nothing = np.zeros(weights[0].shape[0], np.float32)
        bias = weights[1] if self.bias else arithmetic.functions.array(nothing)
        return Product.forward(x[0], weights[0], bias, arithmetic)

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The engine's."""
        dx, dw, db = Product.backward(saved, g, wanted[0], into if len(into) == 2 else None)
        return (dx,), (dw, db)[: 1 + self.bias]
