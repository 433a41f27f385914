"""Exact sums: fixed-point integers whose total stays below 2^53 (formats/arithmetic.md, section 3).

Integer sums are the same in every order, so that any machine may split them as it likes, and several processes
may add them up (`mdlcodec.exact.reduction`): the largest magnitude, integers, and one scaling.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.reduction import ALONE, Reduction

MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)  # all bits of a float64 but its sign
INFINITY = np.int64(0x7FF0000000000000)  # bits of the infinite float64
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


@njit(cache=True, nogil=True, inline="always")
def magnitude_of_bits(bits: int) -> float:
    """The number, float64, whose magnitude has these bits; infinite for a NaN's.

    Bits of float64 numbers that are not negative compare like the numbers, and their maximum vectorises.
    """
    return np.int64(min(np.int64(bits), INFINITY)).view(np.float64)


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
def largest_of(x: np.ndarray) -> np.ndarray:
    """The largest |x|, float32 or float64 (m,) -> float64 (1,); infinite where one is not finite."""
    largest = np.int64(0)
    for i in range(x.size):
        largest = max(largest, np.float64(x[i]).view(np.int64) & MAGNITUDE)
    return np.array([magnitude_of_bits(largest)])


@njit(cache=True, nogil=True)
def totals(x: np.ndarray, columns: int, largest: float, rows: int) -> np.ndarray:
    """Integers on the grid of that largest magnitude and of ``rows`` terms: sums over the rows of x as it lies in
    memory, (.. * columns,) -> float64 (columns,)."""
    length = rows_at_once(columns) * columns
    scale = power_of_two(fixed_point_exponent(largest, rows))
    sums = np.zeros(length, np.float64)
    for start in range(0, x.size, length):
        part = x[start : start + length]
        for i in range(part.size):
            sums[i] += (np.float64(part[i]) * scale + ROUNDING) - ROUNDING
    return folded(sums, columns)


@njit(cache=True, nogil=True)
def largest_square(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """`largest_of` (f64(x) - centre)^2; x as it lies in memory, (.. * columns,), centres float64 (columns,)."""
    shifts, largest = repeated(centres), np.int64(0)
    for start in range(0, x.size, shifts.size):
        part = x[start : start + shifts.size]
        for i in range(part.size):
            d = np.float64(part[i]) - shifts[i]
            largest = max(largest, np.float64(d * d).view(np.int64))
    return np.array([magnitude_of_bits(largest)])


@njit(cache=True, nogil=True)
def totals_of_squares(x: np.ndarray, centres: np.ndarray, largest: float, rows: int) -> np.ndarray:
    """`totals` of (f64(x) - centre)^2; x as it lies in memory, (.. * columns,), centres float64 (columns,)."""
    shifts, scale = repeated(centres), power_of_two(fixed_point_exponent(largest, rows))
    sums = np.zeros(shifts.size, np.float64)
    for start in range(0, x.size, shifts.size):
        part = x[start : start + shifts.size]
        for i in range(part.size):
            d = np.float64(part[i]) - shifts[i]
            sums[i] += (d * d * scale + ROUNDING) - ROUNDING
    return folded(sums, centres.size)


@njit(cache=True, nogil=True)
def scaled(integers: np.ndarray, largest: float, rows: int) -> np.ndarray:
    """What integers on that grid are, float64 (columns,) -> (columns,): exact."""
    return integers * power_of_two(-fixed_point_exponent(largest, rows))


def sums_of(x: np.ndarray, columns: int, rows: int, reduction: Reduction) -> np.ndarray:
    """`column_sums` of x as it lies in memory, (.. * columns,); ``rows``: of all processes."""
    (largest,) = reduction.maximum(largest_of(x))
    sums: np.ndarray = scaled(reduction.total(totals(x, columns, largest, rows)), largest, rows)
    return sums


def sums_of_squares(x: np.ndarray, centres: np.ndarray, rows: int, reduction: Reduction) -> np.ndarray:
    """Column sums of (f64(x) - centre)^2; x as it lies in memory, (.. * columns,), centres float64 (columns,);
    ``rows``: of all processes."""
    (largest,) = reduction.maximum(largest_square(x, centres))
    integers = reduction.total(totals_of_squares(x, centres, largest, rows))
    sums: np.ndarray = scaled(integers, largest, rows)
    return sums


def column_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the rows of x, float32 or float64 (rows, m) -> float64 (m,); one grid for all of x. m >= 1."""
    return sums_of(x.reshape(-1), x.shape[1], x.shape[0], ALONE)


def column_sums_of_squares(x: np.ndarray) -> np.ndarray:
    """`column_sums` of f64(x) * f64(x), float32 (rows, m) -> float64 (m,), without making the squares."""
    return sums_of_squares(x.reshape(-1), np.zeros(x.shape[1]), x.shape[0], ALONE)
