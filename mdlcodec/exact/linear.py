"""The linear layer and the convolution as exact autograd functions (formats/arithmetic.md, section 2).

A fully connected layer multiplies integer matrices; a convolution gathers patches of the same integers
(im2col) and does likewise, so that overlapping gradients are summed as integers too.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit

from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.engines import Engine
from mdlcodec.exact.integers import quantise_rows, quantise_tensor, quantise_weighted
from mdlcodec.exact.sums import column_sums


@dataclass(frozen=True)
class Digits:
    """Base-128 digits of each kind of operand."""

    weights: int
    activations: int
    gradients: int


# of version 1: chosen by the trial in bench/results/digits_*.json, and frozen
DIGITS = Digits(weights=2, activations=1, gradients=2)
INPUT_DIGITS = Digits(weights=2, activations=2, gradients=2)  # the layer that the inputs themselves enter


@dataclass(frozen=True)
class Arithmetic:
    """How products are computed: the engine changes the speed, the digits are part of the format."""

    engine: Engine
    digits: Digits = DIGITS


@njit(cache=True)
def _row_scales(exponents: np.ndarray, shared: int, repeat: int) -> np.ndarray:
    out = np.empty(exponents.size * repeat, np.float64)
    for i in range(exponents.size):
        for j in range(repeat):
            out[i * repeat + j] = power_of_two(-(exponents[i] + shared))
    return out


@njit(cache=True)
def _scaled_total(total: np.ndarray, exponent: int, out: np.ndarray) -> None:
    # two steps, since the sum of two exponents may leave float64's range; both factors are powers of two
    first, second = power_of_two(-(exponent // 2)), power_of_two(-(exponent - exponent // 2))
    for i in range(total.size):
        out[i] = np.float32(total[i] * first * second + 0.0)


@njit(cache=True)
def _add_bias(y: np.ndarray, bias: np.ndarray) -> None:
    for r in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[r, i] = y[r, i] + bias[i]


@njit(cache=True)
def _patches(x: np.ndarray, kernel: int, padding: int, out: np.ndarray) -> None:
    """im2col: x (N, H, W, C) -> out (N * H' * W', kernel * kernel * C), zero outside the image."""
    n, height, width, channels = x.shape
    out_height, out_width = height + 2 * padding - kernel + 1, width + 2 * padding - kernel + 1
    row = 0
    for i in range(n):
        for y in range(out_height):
            for z in range(out_width):
                position = 0
                for dy in range(kernel):
                    source_y = y + dy - padding
                    for dz in range(kernel):
                        source_z = z + dz - padding
                        if 0 <= source_y < height and 0 <= source_z < width:
                            for c in range(channels):
                                out[row, position + c] = x[i, source_y, source_z, c]
                        else:
                            for c in range(channels):
                                out[row, position + c] = 0
                        position += channels
                row += 1


def _images_at_once(rows_per_image: int, columns: int) -> int:
    """Images whose patches take about 16 MiB as float64: the split changes no integer sum."""
    return max(1, (1 << 21) // max(1, rows_per_image * columns))


def _plane_patches(planes: tuple[np.ndarray, ...], kernel: int, padding: int) -> tuple[np.ndarray, ...]:
    n, height, width, channels = planes[0].shape
    rows = n * (height + 2 * padding - kernel + 1) * (width + 2 * padding - kernel + 1)
    out = []
    for plane in planes:
        gathered = np.empty((rows, kernel * kernel * channels), plane.dtype)
        _patches(plane, kernel, padding, gathered)
        out.append(gathered)
    return tuple(out)


def _convolve(
    engine: Engine, x: tuple[np.ndarray, ...], w: tuple[np.ndarray, ...], scales: np.ndarray, padding: int
) -> np.ndarray:
    """x planes (N, H, W, C), w planes (O, k, k, C), scales float64 (N,) -> float32 (N, H', W', O)."""
    n, height, width, channels = x[0].shape
    outputs, kernel = w[0].shape[0], w[0].shape[1]
    out_height, out_width = height + 2 * padding - kernel + 1, width + 2 * padding - kernel + 1
    matrix = tuple(plane.reshape(outputs, -1) for plane in w)  # (O, k * k * C)
    out = np.empty((n, out_height, out_width, outputs), np.float32)
    step = _images_at_once(out_height * out_width, kernel * kernel * channels)
    for start in range(0, n, step):
        images = slice(start, start + step)
        gathered = _plane_patches(tuple(plane[images] for plane in x), kernel, padding)
        row_scales = np.repeat(scales[images], out_height * out_width)
        out[images] = engine.product(gathered, matrix, row_scales).reshape(-1, out_height, out_width, outputs)
    return out


class Linear(torch.autograd.Function):
    """y = x w^T + bias; x float32 (N, I), w float32 (O, I), bias float32 (O,) -> float32 (N, O)."""

    @staticmethod
    def forward(ctx, x, w, bias, arithmetic: Arithmetic):  # type: ignore[no-untyped-def,override]
        """The product of block integers, scaled and rounded once, then the bias."""
        engine, digits = arithmetic.engine, arithmetic.digits
        xq, xe = quantise_rows(np.ascontiguousarray(x.detach().numpy()), digits.activations)
        wq, we = quantise_tensor(w.detach().numpy(), digits.weights)
        planes = engine.planes(xq, digits.activations)
        y = engine.product(planes, engine.planes(wq, digits.weights), _row_scales(xe, we, 1))
        _add_bias(y, bias.detach().numpy())
        ctx.saved = arithmetic, planes, xe, wq, we
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """Gradients of x, w and bias."""
        arithmetic, planes, xe, wq, we = ctx.saved
        engine, digits = arithmetic.engine, arithmetic.digits
        g = np.ascontiguousarray(gradient.numpy())
        dx = None
        if ctx.needs_input_grad[0]:
            gq, ge = quantise_tensor(g, digits.gradients)
            scales = np.full(g.shape[0], power_of_two(-(ge + we)))
            transposed = engine.planes(np.ascontiguousarray(wq.T), digits.weights)  # (I, O)
            dx = torch.from_numpy(engine.product(engine.planes(gq, digits.gradients), transposed, scales))
        gq, ge = quantise_weighted(g, xe, digits.gradients)
        total = np.zeros(wq.shape, np.float64)
        engine.outer(engine.planes(gq, digits.gradients), planes, total)
        dw = np.empty(wq.shape, np.float32)
        _scaled_total(total.reshape(-1), ge, dw.reshape(-1))
        db = column_sums(g).astype(np.float32)
        return dx, torch.from_numpy(dw), torch.from_numpy(db), None


class Convolution(torch.autograd.Function):
    """Stride 1, zero padding; x float32 (N, H, W, C), w float32 (O, k, k, C), bias float32 (O,)."""

    @staticmethod
    def forward(ctx, x, w, bias, padding: int, arithmetic: Arithmetic):  # type: ignore[no-untyped-def,override]
        """Float32 (N, H + 2p - k + 1, W + 2p - k + 1, O)."""
        engine, digits = arithmetic.engine, arithmetic.digits
        images = np.ascontiguousarray(x.detach().numpy())
        xq, xe = quantise_rows(images.reshape(images.shape[0], -1), digits.activations)
        wq, we = quantise_tensor(w.detach().numpy(), digits.weights)
        planes = tuple(plane.reshape(images.shape) for plane in engine.planes(xq, digits.activations))
        y = _convolve(engine, planes, engine.planes(wq, digits.weights), _row_scales(xe, we, 1), padding)
        _add_bias(y.reshape(-1, y.shape[-1]), bias.detach().numpy())
        ctx.saved = arithmetic, planes, xe, wq, we, padding
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """Gradients of x (a convolution of the gradient with the flipped kernel), w and bias."""
        arithmetic, planes, xe, wq, we, padding = ctx.saved
        engine, digits = arithmetic.engine, arithmetic.digits
        g = np.ascontiguousarray(gradient.numpy())
        n, height, width, outputs = g.shape
        kernel, channels = wq.shape[1], wq.shape[3]
        dx = None
        if ctx.needs_input_grad[0]:
            gq, ge = quantise_tensor(g, digits.gradients)
            flipped = np.ascontiguousarray(wq[:, ::-1, ::-1, :].transpose(3, 1, 2, 0))  # (C, k, k, O)
            dx = torch.from_numpy(
                _convolve(
                    engine,
                    engine.planes(gq, digits.gradients),
                    engine.planes(flipped, digits.weights),
                    np.full(n, power_of_two(-(ge + we))),
                    kernel - 1 - padding,
                )
            )
        rows = g.reshape(-1, outputs)
        gq, ge = quantise_weighted(rows, xe, digits.gradients)
        g_planes = engine.planes(gq, digits.gradients)
        total = np.zeros((outputs, kernel * kernel * channels), np.float64)
        step = _images_at_once(height * width, kernel * kernel * channels)
        for start in range(0, n, step):
            gathered = _plane_patches(tuple(p[start : start + step] for p in planes), kernel, padding)
            part = slice(start * height * width, (start + step) * height * width)
            engine.outer(tuple(p[part] for p in g_planes), gathered, total)
        dw = np.empty(wq.shape, np.float32)
        _scaled_total(total.reshape(-1), ge, dw.reshape(-1))
        db = column_sums(rows).astype(np.float32)
        return dx, torch.from_numpy(dw), torch.from_numpy(db), None, None
