"""The linear layer and the convolution as exact autograd functions (formats/arithmetic.md, section 2)."""

from dataclasses import dataclass

import numpy as np
import torch

from mdlcodec.exact.engines import Engine
from mdlcodec.exact.integers import DIGITS, Digits


@dataclass(frozen=True)
class Arithmetic:
    """How products are computed: the engine changes the speed, the digits are part of the format."""

    engine: Engine
    digits: Digits = DIGITS


def _values(tensor: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().numpy())


class Convolution(torch.autograd.Function):
    """Stride 1, zero padding; x float32 (N, H, W, C), w float32 (O, k, k, C), bias float32 (O,)."""

    @staticmethod
    def forward(ctx, x, w, bias, padding: int, arithmetic: Arithmetic):  # type: ignore[no-untyped-def,override]
        """Float32 (N, H + 2p - k + 1, W + 2p - k + 1, O)."""
        ctx.engine = arithmetic.engine
        y, ctx.saved = ctx.engine.forward(_values(x), _values(w), _values(bias), padding, arithmetic.digits)
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """Gradients of x (a convolution of the gradient with the flipped kernel), w and bias."""
        dx, dw, db = ctx.engine.backward(ctx.saved, _values(gradient), ctx.needs_input_grad[0])
        return (
            None if dx is None else torch.from_numpy(dx),
            torch.from_numpy(dw),
            torch.from_numpy(db),
            None,
            None,
        )


class Linear(torch.autograd.Function):
    """y = x w^T + bias; x float32 (N, I), w float32 (O, I), bias float32 (O,) -> float32 (N, O)."""

    @staticmethod
    def forward(ctx, x, w, bias, arithmetic: Arithmetic):  # type: ignore[no-untyped-def,override]
        """A convolution of images of one place: (N, 1, 1, I) with (O, 1, 1, I)."""
        ctx.engine = arithmetic.engine
        images, kernels = _values(x)[:, None, None, :], _values(w)[:, None, None, :]
        y, ctx.saved = ctx.engine.forward(images, kernels, _values(bias), 0, arithmetic.digits)
        return torch.from_numpy(y[:, 0, 0, :])

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """Gradients of x, w and bias."""
        g = _values(gradient)[:, None, None, :]
        dx, dw, db = ctx.engine.backward(ctx.saved, g, ctx.needs_input_grad[0])
        inputs = None if dx is None else torch.from_numpy(dx[:, 0, 0, :])
        return inputs, torch.from_numpy(dw[:, 0, 0, :]), torch.from_numpy(db), None
