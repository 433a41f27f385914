"""Engines that multiply matrices: patches are gathered (im2col), then multiplied as integers.

An engine holds an integer matrix as *planes*, its own representation, most significant first.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.engines.contract import Engine
from mdlcodec.exact.engines.strides import Residue, outputs_of, residues
from mdlcodec.exact.integers import (
    Digits,
    gradient_exponents,
    product_scales,
    quantise_rows,
    quantise_tensor,
    round_tensor,
    round_weighted,
    scale_sums,
)
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.sums import scaled, totals

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
    stride: int


@njit(cache=True)
def _add_bias(y: np.ndarray, bias: np.ndarray) -> None:
    for r in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[r, i] = y[r, i] + bias[i]


@njit(cache=True)
def _patches(x, kernel_y, kernel_z, origin_y, origin_z, out_height, out_width, stride, out):
    """im2col: x (N, H, W, C) -> out (N * H' * W', kernel_y * kernel_z * C), zero outside the image.

    The first patch begins at place (origin_y, origin_z), the next ones ``stride`` further.
    """
    n, height, width, channels = x.shape
    row = 0
    for i in range(n):
        for y in range(out_height):
            for z in range(out_width):
                position = 0
                for dy in range(kernel_y):
                    source_y = y * stride + dy + origin_y
                    for dz in range(kernel_z):
                        source_z = z * stride + dz + origin_z
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


@dataclass(frozen=True)
class _Places:
    """Where patches lie: extents of a patch, where the first one begins, how many there are, steps between."""

    kernel: tuple[int, int]
    origin: tuple[int, int]
    size: tuple[int, int]
    stride: int = 1

    def of(self, planes: Planes) -> Planes:
        """Patches of images (N, H, W, C)."""
        n, channels = planes[0].shape[0], planes[0].shape[3]
        (kernel_y, kernel_z), (height, width) = self.kernel, self.size
        out = []
        for plane in planes:
            gathered = np.empty((n * height * width, kernel_y * kernel_z * channels), plane.dtype)
            _patches(plane, *self.kernel, *self.origin, *self.size, self.stride, gathered)
            out.append(gathered)
        return tuple(out)


class MatrixEngine(Engine):
    """An engine from exact products of matrices. See `mdlcodec.exact.engines.Engine`."""

    def __init__(self, matrices: Matrices) -> None:
        self.name, self.matrices, self.longest_sum = matrices.name, matrices, matrices.longest_sum

    def _convolve(self, x: Planes, w: Planes, scales: np.ndarray, places: _Places) -> np.ndarray:
        """x planes (N, H, W, C), w planes (O, k, k', C), scales float64 (N,) -> float32 (N, H', W', O)."""
        n, outputs = x[0].shape[0], w[0].shape[0]
        matrix = tuple(plane.reshape(outputs, -1) for plane in w)  # (O, k * k' * C)
        each = places.size[0] * places.size[1]
        out = np.empty((n, *places.size, outputs), np.float32)
        step = _images_at_once(each, matrix[0].shape[1])
        for start in range(0, n, step):
            images = slice(start, start + step)
            gathered = places.of(tuple(plane[images] for plane in x))
            product = self.matrices.product(gathered, matrix, np.repeat(scales[images], each))
            out[images] = product.reshape(-1, *places.size, outputs)
        return out

    @override
    def forward(
        self, x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, digits: Digits, stride: int = 1
    ) -> tuple[np.ndarray, Any]:
        height, width = (outputs_of(size, w.shape[1], stride, padding) for size in x.shape[1:3])
        xq, xe = quantise_rows(x.reshape(x.shape[0], -1), digits.activations)
        wq, we = quantise_tensor(w, digits.weights)
        planes = self.matrices.planes(xq.reshape(x.shape), digits.activations)
        places = _Places(w.shape[1:3], (-padding, -padding), (height, width), stride)
        y = self._convolve(planes, self.matrices.planes(wq, digits.weights), product_scales(xe, we), places)
        _add_bias(y.reshape(-1, y.shape[-1]), bias)
        return y, _Saved(planes, xe, wq, we, padding, digits, stride)

    @override
    def backward(
        self,
        saved: Any,
        g: np.ndarray,
        input_gradient: bool,
        into: Any = None,
        reduction: Reduction = ALONE,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        exponents = gradient_exponents(g, saved.exponents, saved.digits.gradients, reduction)
        dx = self._input_gradient(saved, g, exponents.block) if input_gradient else None
        sums = reduction.total(self._weight_sums(saved, g, exponents.weighted))
        dw = np.empty(sums.shape, np.float32)
        scale_sums(sums.reshape(-1), exponents.weighted, dw.reshape(-1))
        grid = exponents.largest, exponents.rows
        db = reduction.total(totals(g.reshape(-1), g.shape[3], *grid))
        return dx, dw, scaled(db, *grid).astype(np.float32)

    @override
    def columns(self, integers: np.ndarray) -> Any:
        # (K, N) -> (N, K)
        return [self.matrices.planes(np.ascontiguousarray(matrix.T), 2) for matrix in integers]

    @override
    def multiply(self, rows: np.ndarray, columns: Any, scales: np.ndarray) -> np.ndarray:
        out = np.empty((*rows.shape[:2], columns[0][0].shape[0]), np.float32)
        for i, planes in enumerate(columns):
            out[i] = self.matrices.product(self.matrices.planes(rows[i], 2), planes, scales[i])
        return out

    def _input_gradient(self, saved: Any, g: np.ndarray, exponent: int) -> np.ndarray:
        """Convolutions of the gradient with flipped taps of the kernel, one for each residue of the stride."""
        digits, stride, (n, height, width, _) = saved.digits, saved.stride, saved.planes[0].shape
        rows, columns = (
            residues(size, saved.weights.shape[1], stride, saved.padding) for size in (height, width)
        )
        planes = self.matrices.planes(round_tensor(g, exponent), digits.gradients)
        scales = np.full(n, power_of_two(-(exponent + saved.weights_exponent)))

        def part(y: Residue, z: Residue) -> np.ndarray:
            taps = saved.weights[:, y.taps, z.taps, :]
            flipped = np.ascontiguousarray(taps[:, ::-1, ::-1, :].transpose(3, 1, 2, 0))  # (C, k, k', O)
            places = _Places((y.length, z.length), (y.origin, z.origin), (y.count, z.count))
            return self._convolve(planes, self.matrices.planes(flipped, digits.weights), scales, places)

        if stride == 1:
            return part(rows[0], columns[0])
        dx = np.zeros((n, height, width, saved.weights.shape[3]), np.float32)
        for y, z in itertools.product(rows, columns):
            if y.length and z.length:
                dx[:, y.first :: stride, z.first :: stride] = part(y, z)
        return dx

    def _weight_sums(self, saved: Any, g: np.ndarray, exponent: int) -> np.ndarray:
        """Exact sums of the weights' gradient, float64 (O, k, k, C)."""
        n, height, width, outputs = g.shape
        kernel, channels = saved.weights.shape[1], saved.weights.shape[3]
        integers = round_weighted(g.reshape(-1, outputs), saved.exponents, exponent)
        g_planes = self.matrices.planes(integers, saved.digits.gradients)
        total = np.zeros((outputs, kernel * kernel * channels), np.float64)
        origin = -saved.padding, -saved.padding
        places = _Places((kernel, kernel), origin, (height, width), saved.stride)
        step = _images_at_once(height * width, kernel * kernel * channels)
        for start in range(0, n, step):
            gathered = places.of(tuple(p[start : start + step] for p in saved.planes))
            part = slice(start * height * width, (start + step) * height * width)
            self.matrices.outer(tuple(p[part] for p in g_planes), gathered, total)
        return total.reshape(saved.weights.shape)
