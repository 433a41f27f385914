"""Rows of attention's heads as block integers, one block for each head and place (formats/sequences.md)."""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.integers import (
    BITS,
    EXPONENT_LIMIT,
    GRADIENT_EXPONENT_LIMIT,
    INFINITY_BITS,
    LIMITS,
    block_exponent,
    largest_bits,
    round_to_integers,
)
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

DIGITS = 2
LIMIT, WIDTH = LIMITS[DIGITS], BITS[DIGITS]
_MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)  # all bits of a float64 but its sign


def even(extent: int) -> int:
    """The extent, or one more: what products sum over has an even number of terms."""
    return extent + extent % 2


@njit(cache=True, nogil=True)
def _split(x, bits, width, begin, heads, rows, columns, inverses, first, last):
    """Examples first..last of x (N, T, ..): features from ``begin`` on, ``width`` for each head.

    rows int16 (N * heads, T', d'), columns int16 (N * heads, d', T'): the same transposed; inverses float64
    (N * heads, T): 2^-exponent, 0 for a row of 0, NaN where a value is not finite.
    """
    length = x.shape[1]
    for n in range(first, last):
        for h in range(heads):
            b, at = n * heads + h, begin + h * width
            rows[b, length:] = 0
            for t in range(length):
                row = rows[b, t]
                largest = largest_bits(bits[n, t, at : at + width])
                if largest >= INFINITY_BITS:
                    inverses[b, t] = np.nan
                    row[:] = 0
                    continue
                value = np.float64(np.int32(largest).view(np.float32))
                e = block_exponent(value, LIMIT, WIDTH, EXPONENT_LIMIT)
                # a row of 0 leaves no bits of others unused, whatever it is multiplied by
                inverses[b, t] = power_of_two(-e) if largest > 0 else 0.0
                row[width:] = 0
                round_to_integers(x[n, t, at : at + width], np.float32(power_of_two(e)), row[:width])
            transposed(rows[b], columns[b])


@njit(cache=True, nogil=True)
def transposed(x, out):
    """x (m, k) -> out (k, m), in blocks that stay in the cache."""
    for i in range(0, x.shape[0], 16):
        for c in range(x.shape[1]):
            for k in range(i, min(i + 16, x.shape[0])):
                out[c, k] = x[k, c]


@njit(cache=True, nogil=True)
def _split_shared(job, count, each, *arguments):
    return share(job, *entry(_split, arguments), count, each)


def split_heads(x: np.ndarray, heads: int, part: int = -1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers of the heads' rows: float32 (N, T, heads * d), or of (N, T, 3 * heads * d) its ``part``, 0 to 2.

    Returns int16 (N * heads, T', d'), the same transposed, (N * heads, d', T'), extents filled up with 0 to even
    ones, and 2^-exponents, float64 (N * heads, T), 0 for rows of 0, NaN where a value was not finite.
    """
    n, length, features = x.shape
    width = features // (heads if part < 0 else 3 * heads)
    rows = np.empty((n * heads, even(length), even(width)), np.int16)
    columns = np.empty((n * heads, even(width), even(length)), np.int16)
    inverses = np.empty((n * heads, length))
    begin = max(part, 0) * width * heads
    arguments = x, x.view(np.int32), width, begin, heads, rows, columns, inverses
    in_parts(_split, _split_shared, arguments, n, part_size(n, 1, rows.size * VALUE))
    return rows, columns, inverses


@njit(cache=True, nogil=True, inline="always")
def row_block(terms: np.ndarray, out: np.ndarray) -> float:
    """One block of float64 (m,), |exponents| up to 400: integers into out, int16 (m,); returns 2^-exponent, NaN for
    what is not finite."""
    largest = np.int64(0)
    for j in range(terms.size):
        largest = max(largest, np.float64(terms[j]).view(np.int64) & _MAGNITUDE)
    inverse = block_inverse(largest)
    scale = 1.0 / inverse
    for j in range(terms.size):
        out[j] = np.int16((terms[j] * scale + ROUNDING) - ROUNDING)
    return inverse


@njit(cache=True, nogil=True)
def block_inverse(bits: int) -> float:
    """2^-exponent of a block whose largest magnitude has these bits as float64; NaN where that is not finite."""
    if bits >= np.int64(0x7FF0000000000000):
        return np.nan
    return power_of_two(
        -block_exponent(np.int64(bits).view(np.float64), LIMIT, WIDTH, GRADIENT_EXPONENT_LIMIT)
    )
