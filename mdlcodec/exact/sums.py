"""Exact sums: fixed-point integers whose total stays below 2^53 (formats/arithmetic.md, section 3).

Integer sums are the same in every order, so that any machine may split them as it likes.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two

MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)  # all bits of a float64 but its sign
# values handled in one inner loop
_AT_ONCE = 512


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


@njit(cache=True, nogil=True)
def exponent_of_bits(largest_bits: int, count: int) -> int:
    """`fixed_point_exponent` from the bits of the largest |term|, float64.

    Bits of float64 numbers that are not negative compare like the numbers, and their maximum vectorises.
    """
    return fixed_point_exponent(np.int64(largest_bits).view(np.float64), count)


@njit(cache=True, nogil=True)
def rows_at_once(columns: int) -> int:
    """Rows of so many columns that one inner loop handles: short loops are slow."""
    return max(1, _AT_ONCE // columns)


@njit(cache=True, nogil=True)
def repeated(values: np.ndarray) -> np.ndarray:
    """One value for each column, (columns,) -> float64 of all rows at once, (rows_at_once * columns,)."""
    times = rows_at_once(values.size)
    out = np.empty(values.size * times, np.float64)
    for i in range(times):
        out[i * values.size : (i + 1) * values.size] = values
    return out


@njit(cache=True, nogil=True)
def folded(sums: np.ndarray, columns: int) -> np.ndarray:
    """Sums of whole numbers, float64 (rows_at_once * columns,) -> (columns,): exact in every order."""
    out = np.zeros(columns, np.float64)
    for i in range(sums.size):
        out[i % columns] += sums[i]
    return out


@njit(cache=True, nogil=True)
def flat_sums(x: np.ndarray, columns: int) -> np.ndarray:
    """`column_sums` of x as it lies in memory, (rows * columns,)."""
    length = rows_at_once(columns) * columns
    largest = np.int64(0)
    for i in range(x.size):
        largest = max(largest, np.float64(x[i]).view(np.int64) & MAGNITUDE)
    s = exponent_of_bits(largest, x.size // columns)
    scale, back = power_of_two(s), power_of_two(-s)
    sums = np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part = x[start : start + length]
        for i in range(part.size):
            sums[i] += (np.float64(part[i]) * scale + ROUNDING) - ROUNDING
    return folded(sums, columns) * back


@njit(cache=True, nogil=True)
def flat_sums_of_squares(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Column sums of (f64(x) - centre)^2; x as it lies in memory, (rows * columns,), centres float64 (columns,)."""
    columns, shifts = centres.size, repeated(centres)
    largest = np.int64(0)
    for start in range(0, x.size, shifts.size):
        part = x[start : start + shifts.size]
        for i in range(part.size):
            d = np.float64(part[i]) - shifts[i]
            largest = max(largest, np.float64(d * d).view(np.int64))
    s = exponent_of_bits(largest, x.size // columns)
    scale, back = power_of_two(s), power_of_two(-s)
    sums = np.zeros(shifts.size, np.float64)
    for start in range(0, x.size, shifts.size):
        part = x[start : start + shifts.size]
        for i in range(part.size):
            d = np.float64(part[i]) - shifts[i]
            sums[i] += (d * d * scale + ROUNDING) - ROUNDING
    return folded(sums, columns) * back


def column_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the rows of x, float32 or float64 (rows, m) -> float64 (m,); one grid for all of x. m >= 1."""
    return flat_sums(x.reshape(-1), x.shape[1])


def column_sums_of_squares(x: np.ndarray) -> np.ndarray:
    """`column_sums` of f64(x) * f64(x), float32 (rows, m) -> float64 (m,), without making the squares."""
    return flat_sums_of_squares(x.reshape(-1), np.zeros(x.shape[1]))
