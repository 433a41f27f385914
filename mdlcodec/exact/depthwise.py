"""The convolution of each channel by itself as an exact function (formats/arithmetic.md, section 2).

It has the bits of a convolution whose weights from other channels are 0. The CPU computes it, whatever the engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.integers import (
    gradient_exponents,
    product_scales,
    quantise_rows,
    quantise_tensor,
    round_tensor,
    round_weighted,
    scale_sums,
)
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.sums import scaled, totals


class _Saved(NamedTuple):
    """What the backward pass needs of the forward pass."""

    images: np.ndarray  # integers int16 (N, H, W, C)
    exponents: np.ndarray  # of the examples
    weights: np.ndarray  # integers int16 (C, k, k)
    weights_exponent: int
    padding: int
    stride: int
    arithmetic: Arithmetic


class DepthwiseConvolution(Function):
    """Any stride, zero padding; x float32 (N, H, W, C), w float32 (C, k, k, 1), bias float32 (C,)."""

    @staticmethod
    def forward(
        x: Any, w: Any, bias: Any, padding: int, arithmetic: Arithmetic, stride: int = 1
    ) -> tuple[Any, Any]:
        """Float32 (N, (H + 2p - k) div stride + 1, (W + 2p - k) div stride + 1, C)."""
        read, digits = arithmetic.functions.read, arithmetic.digits
        x, w = read(x), read(w)
        integers, exponents = quantise_rows(x.reshape(x.shape[0], -1), digits.activations)
        kernels, exponent = quantise_tensor(w, digits.weights)
        images, kernels = integers.reshape(x.shape), kernels.reshape(w.shape[:3])
        height, width = ((side + 2 * padding - w.shape[1]) // stride + 1 for side in x.shape[1:3])
        y = np.empty((x.shape[0], height, width, x.shape[3]), np.float32)
        _forward(images, kernels, product_scales(exponents, exponent), read(bias), padding, stride, y)
        saved = _Saved(images, exponents, kernels, exponent, padding, stride, arithmetic)
        return arithmetic.functions.array(y), saved

    @staticmethod
    def backward(saved: Any, g: Any, input_gradient: bool = True) -> tuple[Any, ...]:
        """Gradients of x, w and bias."""
        functions, reduction = saved.arithmetic.functions, saved.arithmetic.reduction
        g = functions.read(g)
        digits = saved.arithmetic.digits.gradients
        found = gradient_exponents(g, saved.exponents, digits, reduction)
        dx = None
        if input_gradient:
            dx = np.empty(saved.images.shape, np.float32)
            scale = power_of_two(-(found.block + saved.weights_exponent))
            _input_gradient(
                round_tensor(g, found.block), saved.weights, scale, saved.padding, saved.stride, dx
            )
        weighted = round_weighted(g.reshape(-1, g.shape[3]), saved.exponents, found.weighted)
        sums = np.zeros(saved.weights.shape, np.float64)
        _weight_sums(weighted.reshape(g.shape), saved.images, saved.padding, saved.stride, sums)
        dw = np.empty(sums.shape, np.float32)
        scale_sums(reduction.total(sums).reshape(-1), found.weighted, dw.reshape(-1))
        grid = found.largest, found.rows
        db = scaled(reduction.total(totals(g.reshape(-1), g.shape[3], *grid)), *grid).astype(np.float32)
        given = functions.array
        return None if dx is None else given(dx), given(dw[..., None]), given(db)


@njit(cache=True)
def _forward(images, weights, scales, bias, padding, stride, y):
    """y[n, u, v, c] = f32(sum * scale + 0.0) + bias; sums are integers."""
    n, height, width, channels = images.shape
    kernel = weights.shape[1]
    sums = np.empty(channels, np.int64)
    for i in range(n):
        for u in range(y.shape[1]):
            for v in range(y.shape[2]):
                sums[:] = 0
                for dy in range(kernel):
                    row = u * stride + dy - padding
                    if row < 0 or row >= height:
                        continue
                    for dz in range(kernel):
                        column = v * stride + dz - padding
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            sums[c] += np.int64(images[i, row, column, c]) * np.int64(weights[c, dy, dz])
                for c in range(channels):
                    y[i, u, v, c] = np.float32(sums[c] * scales[i] + 0.0) + bias[c]


@njit(cache=True)
def _input_gradient(g, weights, scale, padding, stride, dx):
    """Every product of the forward sums, at the place of its input: g int16 (N, H', W', C) -> dx float32."""
    n, height, width, channels = dx.shape
    kernel = weights.shape[1]
    sums = np.empty((height, width, channels), np.int64)
    for i in range(n):
        sums[:] = 0
        for u in range(g.shape[1]):
            for v in range(g.shape[2]):
                for dy in range(kernel):
                    row = u * stride + dy - padding
                    if row < 0 or row >= height:
                        continue
                    for dz in range(kernel):
                        column = v * stride + dz - padding
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            sums[row, column, c] += np.int64(g[i, u, v, c]) * np.int64(weights[c, dy, dz])
        for row in range(height):
            for column in range(width):
                for c in range(channels):
                    dx[i, row, column, c] = np.float32(sums[row, column, c] * scale + 0.0)


@njit(cache=True)
def _weight_sums(g, images, padding, stride, sums):
    """Adds every product of the forward sums at the place of its weight; integers below 2^53 in float64."""
    n, height, width, channels = images.shape
    kernel = sums.shape[1]
    for i in range(n):
        for u in range(g.shape[1]):
            for v in range(g.shape[2]):
                for dy in range(kernel):
                    row = u * stride + dy - padding
                    if row < 0 or row >= height:
                        continue
                    for dz in range(kernel):
                        column = v * stride + dz - padding
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            product = np.int64(g[i, u, v, c]) * np.int64(images[i, row, column, c])
                            sums[c, dy, dz] += np.float64(product)
