"""Probabilities as integers: what encoder and decoder both code with (formats/labels.md, "Frequencies")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.errors import InexactComputation

PROBABILITY_BITS = 24
TOTAL_FREQUENCY = 1 << PROBABILITY_BITS
MAX_CLASSES = 65536


@njit(cache=True)
def fill_frequencies(p, frequencies):  # type: ignore[no-untyped-def]
    """Write the integer frequencies of one distribution; callable from other numba code.

    p: float64 (k,), not negative, finite; need not be normalised. frequencies: uint32 (k,), overwritten with
    f_i = 1 + floor(p_i / S * (2^24 - k)), S the sum of p in order; the remainder goes to the largest p (the
    first of equals). Returns False, and writes nothing of use, if p has a negative, infinite or NaN entry or
    S is zero or overflows.
    """
    k = p.shape[0]
    total = 0.0
    largest = 0
    for i in range(k):
        if not (p[i] >= 0.0 and p[i] < np.inf):
            return False
        total += p[i]
        if p[i] > p[largest]:
            largest = i
    if not (total > 0.0 and total < np.inf):
        return False
    free = TOTAL_FREQUENCY - k
    scale = float(free)
    remainder = free
    for i in range(k):
        share = int(p[i] / total * scale)
        frequencies[i] = 1 + share
        remainder -= share
    frequencies[largest] += remainder
    return True


@njit(cache=True)
def _fill_rows(p, frequencies):  # type: ignore[no-untyped-def]
    for row in range(p.shape[0]):
        if not fill_frequencies(p[row], frequencies[row]):
            return row
    return -1


def integer_frequencies(p: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Integer frequencies of m distributions over k classes.

    p: (m, k), converted to float64, each row finite, not negative, with a positive sum (about 1; rows are
    normalised by their own sum). Returns uint32 (m, k): every entry at least 1, every row summing to 2^24
    exactly, the same on every machine. Raises InexactComputation for a row that is no distribution,
    ValueError for a wrong shape or k outside 1..65536.
    """
    p = np.ascontiguousarray(p, dtype=np.float64)
    if p.ndim != 2 or not 1 <= p.shape[1] <= MAX_CLASSES:
        raise ValueError(f"probabilities must be (m, k) with k in 1..{MAX_CLASSES}, not {p.shape}")
    frequencies = np.empty(p.shape, dtype=np.uint32)
    bad = _fill_rows(p, frequencies)
    if bad >= 0:
        raise _not_a_distribution(f"row {bad}")
    return frequencies


def integer_frequency_row(p: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """Like integer_frequencies for one distribution: float64 (k,) to uint32 (k,), with little overhead."""
    k = p.shape[0]
    if p.ndim != 1 or not 1 <= k <= MAX_CLASSES:
        raise ValueError(f"probabilities must be (k,) with k in 1..{MAX_CLASSES}, not {p.shape}")
    frequencies = np.empty(k, dtype=np.uint32)
    if not fill_frequencies(p, frequencies):
        raise _not_a_distribution("the row")
    return frequencies


@njit(cache=True)
def codable(symbol, frequencies):  # type: ignore[no-untyped-def]
    """Whether symbol is in 0..k-1 and frequencies, (k,), are each at least 1 and sum to 2^24."""
    k = frequencies.shape[0]
    total = 0
    for frequency in frequencies:
        if frequency < 1:
            return False
        total += int(frequency)
    return 0 <= symbol < k <= MAX_CLASSES and total == TOTAL_FREQUENCY


@njit(cache=True)
def first_uncodable(symbols, frequencies):  # type: ignore[no-untyped-def]
    """The first of symbols, (m,), that is not codable with its row of frequencies, (m, k); -1 if all are."""
    for row in range(symbols.shape[0]):
        if not codable(symbols[row], frequencies[row]):
            return row
    return -1


def _not_a_distribution(where: str) -> InexactComputation:
    return InexactComputation(
        f"probabilities that cannot be coded with: {where} has a negative, infinite or NaN entry, or sum 0"
    )
