"""Layer normalisation: each row by its own mean and variance (Ba et al. 2016; formats/sequences.md, "Nodes")."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.lanes import lane_sum
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.sums import fixed_point_bits, fixed_point_exponent, largest_of
from mdlcodec.exact.threads import VALUE, in_parts, part_size

EPSILON = 1e-5


@njit(cache=True, nogil=True)
def root_bits(width: int) -> int:
    """The smallest b with 4^b >= width: normalised values of a row so wide are at most 2^b, but for rounding."""
    bits, reach = 0, 1
    while reach < width:
        bits, reach = bits + 1, 4 * reach
    return bits


@njit(cache=True, nogil=True)
def product_grid(largest: float, rows: int, width: int) -> int:
    """The exponent of the grid for terms g * n: that of g's largest magnitude times 2^`root_bits`."""
    if largest == 0.0:
        return 0
    f = ((np.float64(largest).view(np.int64) >> 52) & 2047) - 1022 + root_bits(width)
    return min(max(fixed_point_bits(rows) - f, -500), 500)


@njit(cache=True, nogil=True)
def _normalise(x, gain, bias, y, moments, first, last):
    """Rows first..last of x (rows, d), float32; moments float64 (rows, 2): mean and 1 / deviation."""
    width = np.float64(x.shape[1])
    terms = np.empty(x.shape[1], np.float64)
    for row in range(first, last):
        values, out = x[row], y[row]
        for c in range(terms.size):
            terms[c] = np.float64(values[c])
        mean = lane_sum(terms) / width
        for c in range(terms.size):
            d = np.float64(values[c]) - mean
            terms[c] = d * d
        inverse = 1.0 / np.sqrt(lane_sum(terms) / width + EPSILON)
        moments[row, 0], moments[row, 1] = mean, inverse
        for c in range(terms.size):
            n = (np.float64(values[c]) - mean) * inverse
            out[c] = np.float32(n * np.float64(gain[c]) + np.float64(bias[c]))


@njit(cache=True, nogil=True)
def _normalise_shared(job, count, each, *arguments):
    return share(job, *entry(_normalise, arguments), count, each)


@njit(cache=True, nogil=True)
def _gradient(g, x, gain, moments, grids, each, dx, sums, first, last):
    """Rows first..last of the gradient, and their integer sums on the grids: sums float64 (parts, 2, d)."""
    width = np.float64(x.shape[1])
    normal, slopes, terms = np.empty(x.shape[1]), np.empty(x.shape[1]), np.empty(x.shape[1])
    of_bias, of_gain = sums[first // each, 0], sums[first // each, 1]
    scale_bias, scale_gain = power_of_two(grids[0]), power_of_two(grids[1])
    for row in range(first, last):
        values, slope, out = x[row], g[row], dx[row]
        mean, inverse = moments[row, 0], moments[row, 1]
        for c in range(terms.size):
            n = (np.float64(values[c]) - mean) * inverse
            s = np.float64(slope[c])
            normal[c] = n
            of_bias[c] += (s * scale_bias + ROUNDING) - ROUNDING
            of_gain[c] += (s * n * scale_gain + ROUNDING) - ROUNDING
            slopes[c] = s * np.float64(gain[c])
            terms[c] = slopes[c] * n
        first_mean, second_mean = lane_sum(slopes) / width, lane_sum(terms) / width
        for c in range(terms.size):
            out[c] = np.float32(inverse * ((slopes[c] - first_mean) - normal[c] * second_mean))


@njit(cache=True, nogil=True)
def _gradient_shared(job, count, each, *arguments):
    return share(job, *entry(_gradient, arguments), count, each)


class LayerNormalisation(Function):
    """Rows over the last axis; gain and bias for each feature."""

    @staticmethod
    def forward(
        x: np.ndarray, gain: np.ndarray, bias: np.ndarray, reduction: Reduction = ALONE
    ) -> tuple[np.ndarray, Any]:
        """x float32 (N, ..., d), gain and bias float32 (d,) -> float32 of x's shape."""
        rows, y = x.reshape(-1, x.shape[-1]), np.empty_like(x)
        moments = np.empty((rows.shape[0], 2))
        each = part_size(rows.shape[0], 1, rows.size * VALUE)
        arguments = rows, gain, bias, y.reshape(rows.shape), moments
        in_parts(_normalise, _normalise_shared, arguments, rows.shape[0], each)
        return y, (rows, gain, moments, reduction)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Gradients of x, gain and bias: those of gain and bias are sums over all rows of all processes."""
        rows, gain, moments, reduction = saved
        (largest,) = reduction.maximum(largest_of(g.reshape(-1)))
        count = reduction.examples(g.shape[0]) * (rows.shape[0] // g.shape[0])
        grids = np.array([fixed_point_exponent(largest, count), product_grid(largest, count, rows.shape[1])])
        dx = np.empty_like(g)
        each = part_size(rows.shape[0], 1, rows.size * VALUE)
        sums = np.zeros((-(-rows.shape[0] // each), 2, rows.shape[1]))
        arguments = g.reshape(rows.shape), rows, gain, moments, grids, each, dx.reshape(rows.shape), sums
        in_parts(_gradient, _gradient_shared, arguments, rows.shape[0], each)
        total = sums[0]
        for part in sums[1:]:
            total = total + part  # integers on the grids: exact in every order
        total = reduction.total(total) * np.ldexp(1.0, -grids)[:, None]
        return dx, total[1].astype(np.float32), total[0].astype(np.float32)
