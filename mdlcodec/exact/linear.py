"""The linear layer and the convolution as exact functions (formats/arithmetic.md, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.exact.function import Function
from mdlcodec.exact.functions import ON_CPU, Functions
from mdlcodec.exact.integers import DIGITS, Digits
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.threads import Chain, side_by_side

if TYPE_CHECKING:
    from mdlcodec.exact.engines import Engine


@dataclass(frozen=True)
class Arithmetic:
    """How networks compute: engine and functions change the speed, the digits are part of the format."""

    engine: Engine
    digits: Digits = DIGITS
    functions: Functions = ON_CPU  # over the arrays that the engine takes
    reduction: Reduction = ALONE  # where the processes that share a batch meet

    def run(self, chains: Sequence[Chain]) -> None:
        """Runs chains of tasks that share no result: at once where the engine's threads are this package's own."""
        if self.engine.own_threads:
            side_by_side(chains)
            return
        for chain in chains:
            for _ in range(chain.times):
                chain.task()


class Convolution(Function):
    """Any stride, zero padding; x float32 (N, H, W, C), w float32 (O, k, k, C), bias float32 (O,)."""

    @staticmethod
    def forward(
        x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, arithmetic: Arithmetic, stride: int = 1
    ) -> tuple[np.ndarray, Any]:
        """Float32 (N, (H + 2p - k) div stride + 1, (W + 2p - k) div stride + 1, O)."""
        y, saved = arithmetic.engine.forward(x, w, bias, padding, arithmetic.digits, stride)
        return y, (arithmetic, saved)

    @staticmethod
    def backward(
        saved: Any, g: np.ndarray, input_gradient: bool = True, into: Any = None
    ) -> tuple[np.ndarray | None, ...]:
        """Gradients of x (a convolution of the gradient with the flipped kernel), w and bias."""
        arithmetic, rest = saved
        gradients: tuple[np.ndarray | None, ...] = arithmetic.engine.backward(
            rest, g, input_gradient, into, arithmetic.reduction
        )
        return gradients


class Linear(Function):
    """y = x w^T + bias; x float32 (N, I), w float32 (O, I), bias float32 (O,) -> float32 (N, O)."""

    @staticmethod
    def forward(
        x: np.ndarray, w: np.ndarray, bias: np.ndarray, arithmetic: Arithmetic
    ) -> tuple[np.ndarray, Any]:
        """A convolution of images of one place: (N, 1, 1, I) with (O, 1, 1, I)."""
        images, kernels = x[:, None, None, :], w[:, None, None, :]
        y, saved = arithmetic.engine.forward(images, kernels, bias, 0, arithmetic.digits)
        return y[:, 0, 0, :], (arithmetic, saved)

    @staticmethod
    def backward(
        saved: Any, g: np.ndarray, input_gradient: bool = True, into: Any = None
    ) -> tuple[np.ndarray | None, ...]:
        """Gradients of x, w and bias."""
        arithmetic, rest = saved
        kernels = None if into is None else (into[0][:, None, None, :], into[1])
        dx, dw, db = arithmetic.engine.backward(
            rest, g[:, None, None, :], input_gradient, kernels, arithmetic.reduction
        )
        written = kernels is not None and dw is kernels[0]
        return None if dx is None else dx[:, 0, 0, :], into[0] if written else dw[:, 0, 0, :], db
