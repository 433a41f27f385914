"""Batch normalisation over the last axis as an exact autograd function (formats/arithmetic.md, section 6)."""

import numpy as np
import torch
from numba import njit

from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.sums import column_sums, fixed_point_exponent

EPSILON = 1e-5


@njit(cache=True)
def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, channels = x.shape
    mean = column_sums(x)
    for c in range(channels):
        mean[c] = mean[c] / np.float64(rows)
    largest = 0.0
    for r in range(rows):
        for c in range(channels):
            d = np.float64(x[r, c]) - mean[c]
            largest = max(largest, d * d)
    s = fixed_point_exponent(largest, rows)
    scale, back = power_of_two(s), power_of_two(-s)
    variance = np.zeros(channels, np.float64)
    for r in range(rows):
        for c in range(channels):
            d = np.float64(x[r, c]) - mean[c]
            variance[c] += (d * d * scale + ROUNDING) - ROUNDING
    for c in range(channels):
        variance[c] = variance[c] * back / np.float64(rows)
    return mean, variance


@njit(cache=True)
def _normalise(x, mean, variance, gain, bias, y):
    rows, channels = x.shape
    factor = np.empty(channels, np.float64)
    for c in range(channels):
        factor[c] = np.float64(gain[c]) / np.sqrt(variance[c] + EPSILON)
    for r in range(rows):
        for c in range(channels):
            y[r, c] = np.float32((np.float64(x[r, c]) - mean[c]) * factor[c] + np.float64(bias[c]))


@njit(cache=True)
def _normalise_gradient(g, x, mean, variance, gain, dx, d_gain, d_bias):
    rows, channels = x.shape
    count = np.float64(rows)
    inverse = np.empty(channels, np.float64)
    for c in range(channels):
        inverse[c] = 1.0 / np.sqrt(variance[c] + EPSILON)
    sum_g = column_sums(g)
    largest = 0.0
    for r in range(rows):
        for c in range(channels):
            largest = max(largest, abs(np.float64(g[r, c]) * ((np.float64(x[r, c]) - mean[c]) * inverse[c])))
    s = fixed_point_exponent(largest, rows)
    scale, back = power_of_two(s), power_of_two(-s)
    sum_gx = np.zeros(channels, np.float64)
    for r in range(rows):
        for c in range(channels):
            term = np.float64(g[r, c]) * ((np.float64(x[r, c]) - mean[c]) * inverse[c])
            sum_gx[c] += (term * scale + ROUNDING) - ROUNDING
    first, second = np.empty(channels, np.float64), np.empty(channels, np.float64)
    for c in range(channels):
        sum_gx[c] = sum_gx[c] * back
        d_gain[c] = np.float32(sum_gx[c])
        d_bias[c] = np.float32(sum_g[c])
        first[c] = sum_g[c] / count
        second[c] = sum_gx[c] / count
    for r in range(rows):
        for c in range(channels):
            normal = (np.float64(x[r, c]) - mean[c]) * inverse[c]
            inner = (np.float64(g[r, c]) - first[c]) - normal * second[c]
            dx[r, c] = np.float32(np.float64(gain[c]) * inverse[c] * inner)


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
    rows = (-1, x.shape[-1])
    mean, variance = statistics[0].astype(np.float64), statistics[1].astype(np.float64)
    _normalise(x.reshape(rows), mean, variance, gain, bias, y.reshape(rows))
    return y


class BatchNormalisation(torch.autograd.Function):
    """Normalises each channel by its mean and variance over all other axes of the batch."""

    @staticmethod
    def forward(ctx, x, gain, bias, statistics: np.ndarray, rate: float):  # type: ignore[no-untyped-def,override]
        """x float32 (..., C), gain and bias float32 (C,); statistics: float32 (2, C), moved in place."""
        values = np.ascontiguousarray(x.detach().numpy())
        rows = values.reshape(-1, values.shape[-1])
        mean, variance = _statistics(rows)
        move_statistics(statistics, mean, variance, rate)
        y = np.empty_like(values)
        gain_values = gain.detach().numpy()
        _normalise(rows, mean, variance, gain_values, bias.detach().numpy(), y.reshape(rows.shape))
        ctx.saved = rows, mean, variance, gain_values, values.shape
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        """Gradients of x, gain and bias."""
        rows, mean, variance, gain, shape = ctx.saved
        g = np.ascontiguousarray(gradient.numpy()).reshape(rows.shape)
        dx = np.empty(rows.shape, np.float32)
        d_gain, d_bias = np.empty(gain.size, np.float32), np.empty(gain.size, np.float32)
        _normalise_gradient(g, rows, mean, variance, gain, dx, d_gain, d_bias)
        return (
            torch.from_numpy(dx.reshape(shape)),
            torch.from_numpy(d_gain),
            torch.from_numpy(d_bias),
            None,
            None,
        )
