"""Tables of the mixing of text, each made by an integer rule (formats/mixing.md, "Tables").

A logit is an integer in units of 1/256 nat; a probability is an integer below 2^22.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PROBABILITY_BITS = 22
ONE = 1 << PROBABILITY_BITS
LIMIT = 3071  # the largest logit that a mixer gives: 12 nats
INPUT_LIMIT = 2047  # the largest logit that a mixer is given: 8 nats
_BITS = 80  # binary places of exponentials below


def exponential(numerator: int, denominator: int) -> int:
    """About 2^80 exp(numerator / denominator): Taylor's series of a 256th of it, then eight squarings."""
    work = _BITS + 64
    x = (abs(numerator) << work) // (denominator << 8)
    term, total, k = 1 << work, 1 << work, 1
    while term:
        term = (term * x >> work) // k
        total += term
        k += 1
    for _ in range(8):
        total = total * total >> work
    return (1 << (work + _BITS)) // total if numerator < 0 else total >> (work - _BITS)


def squash_table() -> npt.NDArray[np.int32]:
    """int32 (6143,): at x + 3071 the probability 2^22 / (1 + exp(-x / 256)), rounded, in 1..2^22-1."""
    table = np.zeros(2 * LIMIT + 1, np.int32)
    for x in range(-LIMIT, LIMIT + 1):
        below = (1 << _BITS) + exponential(-x, 256)
        table[x + LIMIT] = min(ONE - 1, max(1, ((ONE << _BITS) + (below >> 1)) // below))
    return table


def stretch_table(squash: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """int32 (4096,): at p >> 10 the largest logit whose probability is at most the middle of p's cell, clamped."""
    table = np.zeros(4096, np.int32)
    at = 0
    for cell in range(4096):
        while at < 2 * LIMIT and squash[at + 1] <= cell * 1024 + 512:
            at += 1
        table[cell] = max(-INPUT_LIMIT, min(INPUT_LIMIT, at - LIMIT))
    return table


def reciprocal_table() -> npt.NDArray[np.int32]:
    """int32 (1024,): 2^16 / (n + 1.5), rounded down."""
    return np.array([(1 << 17) // (2 * n + 3) for n in range(1024)], np.int32)


SQUASH = squash_table()
STRETCH = stretch_table(SQUASH)
RECIPROCAL = reciprocal_table()
