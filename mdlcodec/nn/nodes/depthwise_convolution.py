"""A convolution of each channel by itself (Howard et al. 2017; formats/arithmetic.md, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.depthwise import DepthwiseConvolution as Product
from mdlcodec.exact.integers import INPUT_DIGITS, Digits
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import SQRT_2, Backward, Parameter, Pass, Plain, Shape, check_at_least, scaled_normals


@dataclass(frozen=True)
class DepthwiseConvolution(Plain):
    """(c, h, w) -> (c, (h + 2 padding - kernel) // stride + 1, the same of w), zero outside the map.

    It has as many channels as enter it. Weights start as N(0, gain^2 / kernel^2), drawn in the order (c, k, k),
    biases at 0. ``digits``: of the operands of its products.
    """

    kernel: int = 3
    stride: int = 1
    padding: int = 0
    bias: bool = True
    gain: float = SQRT_2
    digits: Digits = INPUT_DIGITS

    def __post_init__(self) -> None:
        """Raise BadData for what is no convolution."""
        check_at_least(0, padding=self.padding)
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
        return (inputs[0][0], *sides)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (c, 1, kernel, kernel) and, unless there is none, bias (c,)."""
        channels = inputs[0][0]
        own = {"weight": Parameter((channels, 1, self.kernel, self.kernel), channels_last=True)}
        return own | ({"bias": Parameter((channels,))} if self.bias else {})

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        held = self.parameters(*inputs)["weight"].held
        weights = scaled_normals(held, self.kernel * self.kernel, self.gain, stream)
        return [weights, np.zeros(inputs[0][0], np.float32)][: 1 + self.bias]

    def operations(self, *inputs: Shape) -> int:
        """One for each weight and place."""
        channels, height, width = self.outputs(*inputs)
        return channels * height * width * self.kernel * self.kernel

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H', W', C)."""
        arithmetic = run.with_digits(self.digits)
        nothing = np.zeros(weights[0].shape[0], np.float32)
        bias = weights[1] if self.bias else arithmetic.functions.array(nothing)
        return Product.forward(x[0], weights[0], bias, self.padding, arithmetic, self.stride)

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The exact function's."""
        dx, dw, db = Product.backward(saved, g, wanted[0])
        return (dx,), (dw, db)[: 1 + self.bias]
