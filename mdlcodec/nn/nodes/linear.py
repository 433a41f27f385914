"""A fully connected layer (formats/arithmetic.md, section 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import INPUT_DIGITS, Digits
from mdlcodec.exact.laid_out import LaidOut
from mdlcodec.exact.linear import Linear as Product
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import SQRT_2, Backward, Parameter, Pass, Plain, Shape, check_at_least, scaled_normals


@dataclass(frozen=True)
class Linear(Plain):
    """y = x w^T + b, or without b: (d,) -> (width,), and of sequences (t, d) -> (t, width), each place on its own.
    ``width`` None: as many as the targets need, which `Graph.for_outputs` says.

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
        """(width,) or (t, width). Raises BadData for maps: they are flattened first."""
        if len(inputs[0]) not in (1, 2):
            raise BadData(f"a linear layer takes columns, not maps of shape {inputs[0]}; flatten them first")
        assert self.width is not None, "the graph is for no number of outputs yet"
        return (*inputs[0][:-1], self.width)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (width, d) and, unless there is none, bias (width,)."""
        width, size = self.outputs(*inputs)[-1], inputs[0][-1]
        own = {"weight": Parameter((width, size))}
        return own | ({"bias": Parameter((width,))} if self.bias else {})

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        width, size = self.outputs(*inputs)[-1], inputs[0][-1]
        weights = scaled_normals((width, size), size, self.gain, stream)
        return [weights, np.zeros(width, np.float32)][: 1 + self.bias]

    def fitted(self, shapes: Mapping[str, Shape]) -> Linear:
        """The same with the width of a weight."""
        return replace(self, width=shapes["weight"][0])

    def operations(self, *inputs: Shape) -> int:
        """width * d for each place."""
        *places, width = self.outputs(*inputs)
        return math.prod(places) * width * inputs[0][-1]  # integers

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, d) -> (N, width), (N, T, d) -> (N, T, width)."""
        arithmetic, shape = run.with_digits(self.digits), tuple(x[0].shape)
        nothing = np.zeros(weights[0].shape[0], np.float32)
        bias = weights[1] if self.bias else arithmetic.functions.array(nothing)
        y, saved = Product.forward(x[0].reshape(-1, shape[-1]), weights[0], bias, arithmetic)
        return y.reshape(*shape[:-1], -1), saved

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The engine's."""
        rows, arrays = g.reshape(-1, g.shape[-1]), into if len(into) == 2 else None
        dx, dw, db = Product.backward(saved, rows, wanted[0], arrays)
        dx = None if dx is None else dx.reshape(*g.shape[:-1], -1)
        return (dx,), (dw, db)[: 1 + self.bias]

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> LaidOut:
        """The weights laid out once for many places."""
        nothing = np.zeros(weights[0].shape[0], np.float32)
        return LaidOut(weights[0], weights[1] if self.bias else nothing, run.arithmetic.engine)

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """Of one more place, (S, 1, d)."""
        return kept.product(x[0][:, 0])[:, None]
