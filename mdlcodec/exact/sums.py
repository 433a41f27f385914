"""Exact sums: fixed-point integers whose total stays below 2^53 (formats/arithmetic.md, section 3).

Integer sums are the same in every order, so that any machine may split them as it likes.
"""

import numpy as np
from numba import njit

from mdlcodec.exact.elementary import ROUNDING, power_of_two


@njit(cache=True)
def fixed_point_bits(count: int) -> int:
    """Bits b of each term so that ``count`` terms of magnitude at most 2^b sum to at most 2^50."""
    bits = 50
    while count > 1:
        count = (count + 1) >> 1
        bits -= 1
    return bits


@njit(cache=True)
def fixed_point_exponent(largest: float, count: int) -> int:
    """The exponent s of the grid: each term becomes rint(x * 2^s). 0 if all terms are 0."""
    if largest == 0.0:
        return 0
    f = ((np.float64(largest).view(np.int64) >> 52) & 2047) - 1022
    return min(max(fixed_point_bits(count) - f, -500), 500)


@njit(cache=True)
def _sums(x: np.ndarray, squared: bool) -> np.ndarray:
    rows, m = x.shape
    largest = 0.0
    for r in range(rows):
        for i in range(m):
            value = np.float64(x[r, i])
            largest = max(largest, value * value if squared else abs(value))
    s = fixed_point_exponent(largest, rows)
    scale, back = power_of_two(s), power_of_two(-s)
    total = np.zeros(m, np.float64)
    for r in range(rows):
        for i in range(m):
            value = np.float64(x[r, i])
            term = value * value if squared else value
            total[i] += (term * scale + ROUNDING) - ROUNDING
    for i in range(m):
        total[i] = total[i] * back
    return total


@njit(cache=True)
def column_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the rows of x, float32 or float64 (rows, m) -> float64 (m,); one grid for all of x."""
    return _sums(x, False)


@njit(cache=True)
def column_sums_of_squares(x: np.ndarray) -> np.ndarray:
    """`column_sums` of f64(x) * f64(x), float32 (rows, m) -> float64 (m,), without making the squares."""
    return _sums(x, True)
