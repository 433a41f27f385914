"""Batch normalisation over the last axis as an exact function (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np
from numba import njit

from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.sums import fixed_point_exponent

EPSILON = 1e-5


# values handled in one inner loop: rows are short where channels are few, and short loops are slow
_AT_ONCE = 512
_MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)  # all bits of a float64 but its sign


@njit(cache=True, nogil=True)
def _repeated(values, times):
    """float64 (channels,) -> (times * channels,)."""
    out = np.empty(values.size * times, np.float64)
    for i in range(times):
        out[i * values.size : (i + 1) * values.size] = values
    return out


@njit(cache=True, nogil=True)
def _folded(sums, channels):
    """Sums of whole numbers, float64 (times * channels,) -> (channels,): exact in every order."""
    out = np.zeros(channels, np.float64)
    for i in range(sums.size):
        out[i % channels] += sums[i]
    return out


@njit(cache=True, nogil=True)
def _grid(largest_bits, rows):
    """The exponent of the fixed-point grid of terms whose largest has these bits.

    Bits of float64 numbers that are not negative compare like the numbers, and their maximum vectorises.
    """
    return fixed_point_exponent(np.int64(largest_bits).view(np.float64), rows)


@njit(cache=True, nogil=True)
def _sums(x, channels):
    """Column sums of x, float32 (rows * channels,), see `mdlcodec.exact.sums`."""
    length = channels * max(1, _AT_ONCE // channels)
    largest = np.int64(0)
    for i in range(x.size):
        largest = max(largest, np.float64(x[i]).view(np.int64) & _MAGNITUDE)
    s = _grid(largest, x.size // channels)
    scale, back = power_of_two(s), power_of_two(-s)
    sums = np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part = x[start : start + length]
        for i in range(part.size):
            sums[i] += (np.float64(part[i]) * scale + ROUNDING) - ROUNDING
    return _folded(sums, channels) * back


@njit(cache=True, nogil=True)
def _statistics(x, channels):
    """Mean and variance of every channel of x, float32 (rows * channels,)."""
    rows, times = x.size // channels, max(1, _AT_ONCE // channels)
    mean = _sums(x, channels)
    for c in range(channels):
        mean[c] = mean[c] / np.float64(rows)
    means, length = _repeated(mean, times), times * channels
    largest = np.int64(0)
    for start in range(0, x.size, length):
        part = x[start : start + length]
        for i in range(part.size):
            d = np.float64(part[i]) - means[i]
            largest = max(largest, np.float64(d * d).view(np.int64))
    s = _grid(largest, rows)
    scale, back = power_of_two(s), power_of_two(-s)
    sums = np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part = x[start : start + length]
        for i in range(part.size):
            d = np.float64(part[i]) - means[i]
            sums[i] += (d * d * scale + ROUNDING) - ROUNDING
    variance = _folded(sums, channels)
    for c in range(channels):
        variance[c] = variance[c] * back / np.float64(rows)
    return mean, variance


@njit(cache=True, nogil=True)
def _normalise(x, mean, variance, gain, bias, y):
    """y = (x - mean) * (gain / sqrt(variance + EPSILON)) + bias, float32 (rows * channels,)."""
    channels = mean.size
    times = max(1, _AT_ONCE // channels)
    factor = np.empty(channels, np.float64)
    for c in range(channels):
        factor[c] = np.float64(gain[c]) / np.sqrt(variance[c] + EPSILON)
    means, factors, biases = _repeated(mean, times), _repeated(factor, times), _repeated(bias, times)
    length = times * channels
    for start in range(0, x.size, length):
        part, out = x[start : start + length], y[start : start + length]
        for i in range(part.size):
            out[i] = np.float32((np.float64(part[i]) - means[i]) * factors[i] + biases[i])


@njit(cache=True, nogil=True)
def _normalise_gradient(g, x, mean, variance, gain, dx, d_gain, d_bias):
    """Gradients of x, gain and bias; g, x, dx: float32 (rows * channels,)."""
    channels = mean.size
    rows, times = x.size // channels, max(1, _AT_ONCE // channels)
    inverse, count = np.empty(channels, np.float64), np.float64(rows)
    for c in range(channels):
        inverse[c] = 1.0 / np.sqrt(variance[c] + EPSILON)
    means, inverses, length = _repeated(mean, times), _repeated(inverse, times), times * channels
    largest_g, largest = np.int64(0), np.int64(0)
    for start in range(0, x.size, length):
        part, slope = x[start : start + length], g[start : start + length]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            largest = max(largest, np.float64(term).view(np.int64) & _MAGNITUDE)
            largest_g = max(largest_g, np.float64(slope[i]).view(np.int64) & _MAGNITUDE)
    s, s_g = _grid(largest, rows), _grid(largest_g, rows)
    scale, scale_g = power_of_two(s), power_of_two(s_g)
    sums, sums_g = np.zeros(length, np.float64), np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part, slope = x[start : start + length], g[start : start + length]
        for i in range(part.size):
            term = np.float64(slope[i]) * ((np.float64(part[i]) - means[i]) * inverses[i])
            sums[i] += (term * scale + ROUNDING) - ROUNDING
            sums_g[i] += (np.float64(slope[i]) * scale_g + ROUNDING) - ROUNDING
    sum_gx, sum_g = _folded(sums, channels), _folded(sums_g, channels)
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
    firsts, seconds, thirds = _repeated(first, times), _repeated(second, times), _repeated(third, times)
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
