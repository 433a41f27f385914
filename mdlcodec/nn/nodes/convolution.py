"""A convolution with a square kernel (formats/arithmetic.md, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import INPUT_DIGITS, Digits
from mdlcodec.exact.linear import Convolution as Product
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import SQRT_2, Backward, Parameter, Pass, Plain, Shape, check_at_least, scaled_normals


@dataclass(frozen=True)
class Convolution(Plain):
    """(c, h, w) -> (channels, (h + 2 padding - kernel) // stride + 1, the same of w), zero outside the map.

    Weights start as N(0, gain^2 / (c kernel^2)), drawn in the order (out, k, k, in), biases at 0. ``identity``: the
    first output channels start as the inputs' channels, as many as there are of both.
    ``digits``: of the operands of its products.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    bias: bool = True
    gain: float = SQRT_2
    digits: Digits = INPUT_DIGITS
    identity: bool = False

    def __post_init__(self) -> None:
        """Raise BadData for what is no convolution."""
        check_at_least(0, channels=self.channels, padding=self.padding)
        check_at_least(1, kernel=self.kernel, stride=self.stride)

    def outputs(self, *inputs: Shape) -> Shape:
        """See the class. Raises BadData for what are no maps, or maps that are too small."""
        if len(inputs[0]) != 3:
            raise BadData(f"a convolution takes maps (c, h, w), not values of shape {inputs[0]}")
        sides = [(side + 2 * self.padding - self.kernel) // self.stride + 1 for side in inputs[0][1:]]
        if min(sides) < 1:
            raise BadData(
                f"a convolution of {self.kernel}x{self.kernel} places does not fit a map of {inputs[0][1:]}"
            )
        return (self.channels, *sides)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (channels, c, kernel, kernel) and, unless there is none, bias (channels,)."""
        shape = (self.channels, inputs[0][0], self.kernel, self.kernel)
        own = {"weight": Parameter(shape, channels_last=True)}
        return own | ({"bias": Parameter((self.channels,))} if self.bias else {})

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        held = self.parameters(*inputs)["weight"].held
        weights = scaled_normals(held, self.kernel * self.kernel * inputs[0][0], self.gain, stream)
        if self.identity:
            middle = self.kernel // 2
            weights[: inputs[0][0]] = 0.0
            for channel in range(min(self.channels, inputs[0][0])):
                weights[channel, middle, middle, channel] = 1.0
        return [weights, np.zeros(self.channels, np.float32)][: 1 + self.bias]

    def fitted(self, shapes: Mapping[str, Shape]) -> Convolution:
        """The same with the channels of a weight."""
        return replace(self, channels=shapes["weight"][0])

    def operations(self, *inputs: Shape) -> int:
        """One for each weight and place."""
        channels, height, width = self.outputs(*inputs)
        return channels * height * width * inputs[0][0] * self.kernel * self.kernel

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H', W', channels)."""
        arithmetic = run.with_digits(self.digits)
        nothing = np.zeros(self.channels, np.float32)
        bias = weights[1] if self.bias else arithmetic.functions.array(nothing)
        return Product.forward(x[0], weights[0], bias, self.padding, arithmetic, self.stride)

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The engine's."""
        arrays = into if len(into) == 2 else None
        dx, dw, db = Product.backward(saved, g, wanted[0], arrays)
        return (dx,), (dw, db)[: 1 + self.bias]
