"""Batch normalisation over the last axis as an exact function (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.sums import MAGNITUDE, exponent_of_bits, flat_sums, flat_sums_of_squares, folded, repeated

EPSILON = 1e-5


@njit(cache=True, nogil=True)
def _statistics(x, channels):
    """Mean and variance of every channel of x, float32 (rows * channels,)."""
    count = np.float64(x.size // channels)
    mean = flat_sums(x, channels)
    for c in range(channels):
        mean[c] = mean[c] / count
    variance = flat_sums_of_squares(x, mean)
    for c in range(channels):
        variance[c] = variance[c] / count
    return mean, variance


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
def _normalise_gradient(g, x, mean, variance, gain, dx, d_gain, d_bias):
    """Gradients of x, gain and bias; g, x, dx: float32 (rows * channels,)."""
    channels = mean.size
    rows = x.size // channels
    inverse, count = np.empty(channels, np.float64), np.float64(rows)
    for c in range(channels):
        inverse[c] = 1.0 / np.sqrt(variance[c] + EPSILON)
    means, inverses = repeated(mean), repeated(inverse)
    length = means.size
    largest_g, largest = np.int64(0), np.int64(0)
    for start in range(0, x.size, length):
        part, slope = x[start : start + length], g[start : start + length]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            largest = max(largest, np.float64(term).view(np.int64) & MAGNITUDE)
            largest_g = max(largest_g, np.float64(slope[i]).view(np.int64) & MAGNITUDE)
    s, s_g = exponent_of_bits(largest, rows), exponent_of_bits(largest_g, rows)
    scale, scale_g = power_of_two(s), power_of_two(s_g)
    sums, sums_g = np.zeros(length, np.float64), np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part, slope = x[start : start + length], g[start : start + length]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            sums[i] += (term * scale + ROUNDING) - ROUNDING
            sums_g[i] += (np.float64(slope[i]) * scale_g + ROUNDING) - ROUNDING
    sum_gx, sum_g = folded(sums, channels), folded(sums_g, channels)
    first, second = np.empty(channels, np.float64), np.empty(channels, np.float64)
    third = np.empty(channels, np.float64)
    for c in range(channels):
        sum_gx[c] = sum_gx[c] * power_of_two(-s)
        sum_g[c] = sum_g[c] * power_of_two(-s_g)
        d_gain[c] = np.float32(sum_gx[c])
        d_bias[c] = np.float32(sum_g[c])
        first[c] = sum_g[c] / count
        second[c] = sum_gx[c] / count
        third[c] = np.float64(gain[c]) * inverse[c]
    firsts, seconds, thirds = repeated(first), repeated(second), repeated(third)
    for start in range(0, x.size, length):
        part, slope, out = x[start : start + length], g[start : start + length], dx[start : start + length]
        for i in range(part.size):
            normal = (np.float64(part[i]) - means[i]) * inverses[i]
            inner = (np.float64(slope[i]) - firsts[i]) - normal * seconds[i]
            out[i] = np.float32(thirds[i] * inner)


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
        x: np.ndarray, gain: np.ndarray, bias: np.ndarray, statistics: np.ndarray, rate: float
    ) -> tuple[np.ndarray, Any]:
        """x float32 (..., C), gain and bias float32 (C,); statistics: float32 (2, C), moved in place."""
        flat = x.reshape(-1)
        mean, variance = _statistics(flat, x.shape[-1])
        move_statistics(statistics, mean, variance, rate)
        y = np.empty_like(x)
        _normalise(flat, mean, variance, gain, bias.astype(np.float64), y.reshape(-1))
        return y, (flat, mean, variance, gain)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Gradients of x, gain and bias."""
        flat, mean, variance, gain = saved
        dx = np.empty(g.shape, np.float32)
        d_gain, d_bias = np.empty(gain.size, np.float32), np.empty(gain.size, np.float32)
        _normalise_gradient(g.reshape(-1), flat, mean, variance, gain, dx.reshape(-1), d_gain, d_bias)
        return dx, d_gain, d_bias
