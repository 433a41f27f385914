"""Engines that multiply matrices: patches are gathered (im2col), then multiplied as integers.

An engine holds an integer matrix as *planes*, its own representation, most significant first.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.integers import Digits, product_scales, quantise_rows, quantise_tensor, quantise_weighted
from mdlcodec.exact.sums import column_sums

Planes = tuple[np.ndarray, ...]


class Matrices(Protocol):
    """Exact products of integer matrices. Sums have at most 2^27 terms (formats/arithmetic.md, section 2)."""

    name: str
    longest_sum: int  # terms added at once

    def planes(self, integers: np.ndarray, digits: int) -> Planes:
        """int16 integers of any shape (block integers of so many digits) -> this engine's planes."""

    def product(self, a: Planes, b: Planes, scales: np.ndarray) -> np.ndarray:
        """Rows by rows: a (M, K), b (N, K), scales float64 (M,) powers of two -> float32 (M, N) of
        scales[m] * sum_k a[m, k] b[n, k], rounded once, +0.0 for zero."""

    def outer(self, a: Planes, b: Planes, total: np.ndarray) -> None:
        """Columns by columns: a (R, M), b (R, N); adds sum_r a[r, m] b[r, n] to total, float64 (M, N)."""


@dataclass(frozen=True)
class _Saved:
    """What the backward pass needs of the forward pass."""

    planes: Planes  # of the images (N, H, W, C)
    exponents: np.ndarray  # of the examples
    weights: np.ndarray  # integers (O, k, k, C)
    weights_exponent: int
    padding: int
    digits: Digits


@njit(cache=True)
def _scaled_total(total: np.ndarray, exponent: int, out: np.ndarray) -> None:
    scale = power_of_two(-exponent)
    for i in range(total.size):
        out[i] = np.float32(total[i] * scale + 0.0)


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


def _plane_patches(planes: Planes, kernel: int, padding: int) -> Planes:
    n, height, width, channels = planes[0].shape
    rows = n * (height + 2 * padding - kernel + 1) * (width + 2 * padding - kernel + 1)
    out = []
    for plane in planes:
        gathered = np.empty((rows, kernel * kernel * channels), plane.dtype)
        _patches(plane, kernel, padding, gathered)
        out.append(gathered)
    return tuple(out)


class MatrixEngine:
    """An engine from exact products of matrices. See `mdlcodec.exact.engines.Engine`."""

    def __init__(self, matrices: Matrices) -> None:
        self.name, self.matrices, self.longest_sum = matrices.name, matrices, matrices.longest_sum

    def _convolve(self, x: Planes, w: Planes, scales: np.ndarray, padding: int) -> np.ndarray:
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
            product = self.matrices.product(gathered, matrix, row_scales)
            out[images] = product.reshape(-1, out_height, out_width, outputs)
        return out

    def forward(
        self, x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, digits: Digits
    ) -> tuple[np.ndarray, Any]:
        """See Engine.forward."""
        xq, xe = quantise_rows(x.reshape(x.shape[0], -1), digits.activations)
        wq, we = quantise_tensor(w, digits.weights)
        planes = self.matrices.planes(xq.reshape(x.shape), digits.activations)
        y = self._convolve(planes, self.matrices.planes(wq, digits.weights), product_scales(xe, we), padding)
        _add_bias(y.reshape(-1, y.shape[-1]), bias)
        return y, _Saved(planes, xe, wq, we, padding, digits)

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Any = None
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """See Engine.backward."""
        digits, wq = saved.digits, saved.weights
        n, height, width, outputs = g.shape
        kernel, channels = wq.shape[1], wq.shape[3]
        dx = None
        if input_gradient:
            gq, ge = quantise_tensor(g, digits.gradients)
            flipped = np.ascontiguousarray(wq[:, ::-1, ::-1, :].transpose(3, 1, 2, 0))  # (C, k, k, O)
            dx = self._convolve(
                self.matrices.planes(gq, digits.gradients),
                self.matrices.planes(flipped, digits.weights),
                np.full(n, power_of_two(-(ge + saved.weights_exponent))),
                kernel - 1 - saved.padding,
            )
        rows = g.reshape(-1, outputs)
        gq, ge = quantise_weighted(rows, saved.exponents, digits.gradients)
        g_planes = self.matrices.planes(gq, digits.gradients)
        total = np.zeros((outputs, kernel * kernel * channels), np.float64)
        step = _images_at_once(height * width, kernel * kernel * channels)
        for start in range(0, n, step):
            gathered = _plane_patches(
                tuple(p[start : start + step] for p in saved.planes), kernel, saved.padding
            )
            part = slice(start * height * width, (start + step) * height * width)
            self.matrices.outer(tuple(p[part] for p in g_planes), gathered, total)
        dw = np.empty(wq.shape, np.float32)
        _scaled_total(total.reshape(-1), ge, dw.reshape(-1))
        return dx, dw, column_sums(rows).astype(np.float32)
