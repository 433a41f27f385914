"""Batch normalisation over the last axis as an exact function (formats/arithmetic.md, section 6)."""

import math
from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.sums import (
    MAGNITUDE,
    fixed_point_exponent,
    folded,
    largest_of,
    largest_square,
    magnitude_of_bits,
    repeated,
    scaled,
    sums_of,
    sums_of_squares,
    totals,
    totals_of_squares,
)

EPSILON = 1e-5


def _rows(x: np.ndarray, reduction: Reduction) -> int:
    """Rows of all processes: x (N, ..., C)."""
    return reduction.examples(x.shape[0]) * math.prod(x.shape[1:-1])  # integers


@njit(cache=True, nogil=True)
def _statistics_alone(x, channels, rows):
    """`_statistics` of one process, whose phases meet nobody between them: one call from Python, not seven."""
    count, largest = np.float64(rows), largest_of(x)[0]
    mean = scaled(totals(x, channels, largest, rows), largest, rows) / count
    largest = largest_square(x, mean)[0]
    return mean, scaled(totals_of_squares(x, mean, largest, rows), largest, rows) / count


def _statistics(
    x: np.ndarray, channels: int, rows: int, reduction: Reduction
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of every channel of x, float32 (.. * channels,), over the rows of all processes."""
    if reduction is ALONE:
        moments: tuple[np.ndarray, np.ndarray] = _statistics_alone(x, channels, rows)
        return moments
    count = np.float64(rows)
    mean = sums_of(x, channels, rows, reduction) / count
    return mean, sums_of_squares(x, mean, rows, reduction) / count


@njit(cache=True, nogil=True)
def _normalise(x, mean, variance, gain, bias, y):
    """y = (x - mean) * (gain / sqrt(variance + EPSILON)) + bias, float32 (rows * channels,)."""
    channels = mean.size
    factor = np.empty(channels, np.float64)
    for c in range(channels):
        factor[c] = np.float64(gain[c]) / np.sqrt(variance[c] + EPSILON)
    means, factors, biases = repeated(mean), repeated(factor), repeated(bias)
    length = means.size
    for start in range(0, x.size, length):
        part, out = x[start : start + length], y[start : start + length]
        for i in range(part.size):
            out[i] = np.float32((np.float64(part[i]) - means[i]) * factors[i] + biases[i])


@njit(cache=True, nogil=True)
def _inverses(variance):
    """1 / sqrt(variance + EPSILON), float64 (C,)."""
    inverse = np.empty(variance.size, np.float64)
    for c in range(variance.size):
        inverse[c] = 1.0 / np.sqrt(variance[c] + EPSILON)
    return inverse


@njit(cache=True, nogil=True)
def _largest_terms(g, x, mean, variance):
    """The largest magnitudes of g and of g times the normalised x, float64 (2,)."""
    means, inverses = repeated(mean), repeated(_inverses(variance))
    largest_g, largest = np.int64(0), np.int64(0)
    for start in range(0, x.size, means.size):
        part, slope = x[start : start + means.size], g[start : start + means.size]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            largest = max(largest, np.float64(term).view(np.int64) & MAGNITUDE)
            largest_g = max(largest_g, np.float64(slope[i]).view(np.int64) & MAGNITUDE)
    return np.array([magnitude_of_bits(largest_g), magnitude_of_bits(largest)])


@njit(cache=True, nogil=True)
def _term_totals(g, x, mean, variance, largest, rows):
    """Integers on the grids of these largest terms: sums of g and of g times the normalised x, float64 (2, C)."""
    means, inverses = repeated(mean), repeated(_inverses(variance))
    scale_g = power_of_two(fixed_point_exponent(largest[0], rows))
    scale = power_of_two(fixed_point_exponent(largest[1], rows))
    sums, sums_g = np.zeros(means.size, np.float64), np.zeros(means.size, np.float64)
    for start in range(0, x.size, means.size):
        part, slope = x[start : start + means.size], g[start : start + means.size]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            sums[i] += (term * scale + ROUNDING) - ROUNDING
            sums_g[i] += (np.float64(slope[i]) * scale_g + ROUNDING) - ROUNDING
    out = np.empty((2, mean.size), np.float64)
    out[0], out[1] = folded(sums_g, mean.size), folded(sums, mean.size)
    return out


@njit(cache=True, nogil=True)
def _normalise_gradient(g, x, mean, variance, gain, integers, largest, rows, dx, d_gain, d_bias):
    """Gradients of x, gain and bias from the sums of terms; g, x, dx: float32 (.. * channels,)."""
    channels, count = mean.size, np.float64(rows)
    sum_g, sum_gx = scaled(integers[0], largest[0], rows), scaled(integers[1], largest[1], rows)
    inverse = _inverses(variance)
    first, second = np.empty(channels, np.float64), np.empty(channels, np.float64)
    third = np.empty(channels, np.float64)
    for c in range(channels):
        d_gain[c] = np.float32(sum_gx[c])
        d_bias[c] = np.float32(sum_g[c])
        first[c] = sum_g[c] / count
        second[c] = sum_gx[c] / count
        third[c] = np.float64(gain[c]) * inverse[c]
    means, inverses = repeated(mean), repeated(inverse)
    firsts, seconds, thirds = repeated(first), repeated(second), repeated(third)
    length = means.size
    for start in range(0, x.size, length):
        part, slope, out = x[start : start + length], g[start : start + length], dx[start : start + length]
        for i in range(part.size):
            normal = (np.float64(part[i]) - means[i]) * inverses[i]
            inner = (np.float64(slope[i]) - firsts[i]) - normal * seconds[i]
            out[i] = np.float32(thirds[i] * inner)


@njit(cache=True, nogil=True)
def _gradient_alone(g, x, mean, variance, gain, rows, dx, d_gain, d_bias):
    """Gradients in one process; see `_statistics_alone`."""
    largest = _largest_terms(g, x, mean, variance)
    integers = _term_totals(g, x, mean, variance, largest, rows)
    _normalise_gradient(g, x, mean, variance, gain, integers, largest, rows, dx, d_gain, d_bias)


@njit(cache=True)
def move_statistics(statistics: np.ndarray, mean: np.ndarray, variance: np.ndarray, rate: float) -> None:
    """Move running statistics, float32 (2, C), towards a batch's mean and variance, float64 (C,), in place."""
    for c in range(mean.size):
        old = np.float64(statistics[0, c])
        statistics[0, c] = np.float32(old + (mean[c] - old) * rate)
        old = np.float64(statistics[1, c])
        statistics[1, c] = np.float32(old + (variance[c] - old) * rate)


def normalised(x: np.ndarray, statistics: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Prediction: each example by running statistics, float32 (2, C), whatever else is in the batch.

    x: float32 (..., C); gain, bias: float32 (C,). Returns float32 of x's shape.
    """
    y = np.empty_like(x)
    mean, variance = statistics[0].astype(np.float64), statistics[1].astype(np.float64)
    _normalise(x.reshape(-1), mean, variance, gain, bias.astype(np.float64), y.reshape(-1))
    return y


class BatchNormalisation(Function):
    """Normalises each channel by its mean and variance over all other axes of the batch."""

    @staticmethod
    def forward(
        x: np.ndarray,
        gain: np.ndarray,
        bias: np.ndarray,
        statistics: np.ndarray,
        rate: float,
        reduction: Reduction = ALONE,
    ) -> tuple[np.ndarray, Any]:
        """x float32 (N, ..., C), gain and bias float32 (C,); statistics: float32 (2, C), moved in place."""
        flat, rows = x.reshape(-1), _rows(x, reduction)
        mean, variance = _statistics(flat, x.shape[-1], rows, reduction)
        move_statistics(statistics, mean, variance, rate)
        y = np.empty_like(x)
        _normalise(flat, mean, variance, gain, bias.astype(np.float64), y.reshape(-1))
        return y, (flat, mean, variance, gain, rows, reduction)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Gradients of x, gain and bias."""
        flat, mean, variance, gain, rows, reduction = saved
        dx = np.empty(g.shape, np.float32)
        d_gain, d_bias = np.empty(gain.size, np.float32), np.empty(gain.size, np.float32)
        batch, out = (g.reshape(-1), flat, mean, variance), (dx.reshape(-1), d_gain, d_bias)
        if reduction is ALONE:
            _gradient_alone(*batch, gain, rows, *out)
        else:
            largest = reduction.maximum(_largest_terms(*batch))
            integers = reduction.total(_term_totals(*batch, largest, rows))
            _normalise_gradient(*batch, gain, integers, largest, rows, *out)
        return dx, d_gain, d_bias
