"""Calibration that travels with the file: one temperature, and one share of the uniform distribution.

p_c = (1 - e) * softmax(b * score)_c + e / k, b and e from the tables below, one byte for both; the sender takes
the pair that makes the labels shortest (Guo et al. 2017 fit b alike, on held-out labels). formats/two_part.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy import PROBABILITY_BITS, fill_frequencies
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.elementary import log
from mdlcodec.exact.loss import softmax_row

INVERSE_TEMPERATURES = np.array(
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0]
)
# 0, 2^-14, 2^-13, .., 1/2, 1
UNIFORM_SHARES = np.array([0.0, *(1.0 / (1 << bits) for bits in range(14, -1, -1))])
_LEAST = 1.0 / (1 << PROBABILITY_BITS)  # what a frequency of 1 stands for


@njit(cache=True)
def _rows(scores, b, e, frequencies):
    examples, k = scores.shape
    share, row = e / np.float64(k), np.empty(k, np.float64)
    for i in range(examples):
        softmax_row(scores[i], b, row)
        for c in range(k):
            row[c] = (1.0 - e) * row[c] + share
        if not fill_frequencies(row, frequencies[i]):
            return False
    return True


@njit(cache=True)
def _add_lengths(scores, labels, bs, es, lengths):
    """Adds to lengths (bs, es) the nats of these labels, -ln p, in order."""
    examples, k = scores.shape
    row = np.empty(k, np.float64)
    for i in range(examples):
        for j in range(bs.size):
            softmax_row(scores[i], bs[j], row)
            true = row[labels[i]]
            for m in range(es.size):
                p = (1.0 - es[m]) * true + es[m] / np.float64(k)
                lengths[j, m] -= log(p if p > _LEAST else _LEAST)


def _finite(scores: np.ndarray) -> np.ndarray:
    if not np.isfinite(scores).all():
        raise InexactComputation(
            "a score of the network is NaN or infinite; its labels cannot be coded with it"
        )
    return scores


def best_calibration(blocks: Iterable[tuple[np.ndarray, np.ndarray]], k: int) -> int:
    """The byte under which the labels are shortest; of equals, the lowest.

    blocks: scores float32 (m, k) and labels int32 (m,) of all examples, part by part.
    Raises InexactComputation for scores that are not finite.
    """
    lengths = np.zeros((INVERSE_TEMPERATURES.size, UNIFORM_SHARES.size))
    for scores, labels in blocks:
        _add_lengths(_finite(scores), labels, INVERSE_TEMPERATURES, UNIFORM_SHARES, lengths)
    return int(np.argmin(lengths.reshape(-1)))


def frequencies(scores: np.ndarray, byte: int) -> np.ndarray:
    """Integer frequencies, uint32 (m, k).

    scores: float32 (m, k); byte: 16 * (index of b) + (index of e).
    Raises InexactComputation for scores that are not finite.
    """
    out = np.empty(scores.shape, np.uint32)
    b, e = INVERSE_TEMPERATURES[byte >> 4], UNIFORM_SHARES[byte & 15]
    if not _rows(_finite(scores), b, e, out):
        raise InexactComputation("a prediction is NaN or infinite; its label cannot be coded with it")
    return out
