"""Activations as exact autograd functions (formats/arithmetic.md, section 6)."""

import numpy as np
import torch
from numba import njit


@njit(cache=True)
def _rectify(z: np.ndarray, y: np.ndarray) -> None:
    for i in range(z.size):
        # not a maximum: its result for -0 and 0 differs between machines
        y[i] = z[i] if z[i] > 0 else np.float32(0)


@njit(cache=True)
def _rectify_gradient(g: np.ndarray, y: np.ndarray, dz: np.ndarray) -> None:
    for i in range(g.size):
        dz[i] = g[i] if y[i] > 0 else np.float32(0)


class Rectify(torch.autograd.Function):
    """max(z, 0), with +0 for every z that is not positive."""

    @staticmethod
    def forward(ctx, z):  # type: ignore[no-untyped-def,override]
        """float32 of any shape -> the same shape."""
        values = np.ascontiguousarray(z.detach().numpy())
        y = np.empty_like(values)
        _rectify(values.reshape(-1), y.reshape(-1))
        ctx.y = y
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """The gradient where y > 0."""
        g = np.ascontiguousarray(gradient.numpy())
        dz = np.empty_like(g)
        _rectify_gradient(g.reshape(-1), ctx.y.reshape(-1), dz.reshape(-1))
        return torch.from_numpy(dz)


@njit(cache=True)
def _masked(
    x: np.ndarray, words: np.ndarray, threshold: np.uint64, factor: np.float32, y: np.ndarray
) -> None:
    # 16 bits of a word decide each value
    for i in range(x.size):
        keep = (words[i >> 2] >> np.uint64(16 * (i & 3))) & np.uint64(65535)
        y[i] = x[i] * factor if keep < threshold else np.float32(0)


class Dropout(torch.autograd.Function):
    """Keeps each value with probability ``keep`` / 65536 and multiplies it by float32(65536 / keep)."""

    @staticmethod
    def forward(ctx, x, words: np.ndarray, keep: int):  # type: ignore[no-untyped-def,override]
        """float32 of any shape; words uint64, at least size / 4 of them, lowest 16 bits first."""
        values = np.ascontiguousarray(x.detach().numpy())
        ctx.saved = words, np.uint64(keep), np.float32(65536 / keep)
        y = np.empty_like(values)
        _masked(values.reshape(-1), *ctx.saved, y.reshape(-1))
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """The same mask and factor."""
        g = np.ascontiguousarray(gradient.numpy())
        dx = np.empty_like(g)
        _masked(g.reshape(-1), *ctx.saved, dx.reshape(-1))
        return torch.from_numpy(dx), None, None
