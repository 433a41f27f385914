"""Logistic mixing in integers: rows of weights chosen by small contexts, each trained on its own loss.

Source: Mahoney 2005, "Adaptive weighing of context models for lossless data compression", with weights of 16
binary places and a rate that falls with the uses of a row (formats/mixing.md, "Mixers").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import LIMIT, PROBABILITY_BITS, SQUASH

WEIGHT_ONE = 1 << 20
WEIGHT_LIMIT = (1 << 23) - 1  # 8, so that a weight times an input fits 32 bits
LANES = 8  # inputs are filled up to a multiple
_ERROR_SHIFT = 12
_HALF_AFTER = 2000  # uses


def filled(width: int) -> int:
    """The width of a row that holds so many weights."""
    return -(-width // LANES) * LANES


class Mixers(NamedTuple):
    """Of s sets of rows over i inputs: weights, int32 (rows, i); uses, int64 (rows,); offsets, int64 (s + 1,), the
    first row of each set; chosen, int64 (s,), the rows in use; logits and probabilities that they give, int64 (s,);
    rates, int64 (2,): what is added at first, and falls with the uses of a row; what remains."""

    weights: npt.NDArray[np.int32]
    uses: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.int64]
    logits: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.int64]
    rates: npt.NDArray[np.int64]


def new_mixers(sizes: list[int], inputs: int, initial: int, rates: tuple[int, int]) -> Mixers:
    """Mixers of sets with so many rows, of so many inputs and a constant one.

    Weights are the initial one at first, and 0 that of the constant input.
    """
    row = np.zeros(filled(inputs + 1), np.int32)
    row[:inputs] = initial
    offsets = np.zeros(len(sizes) + 1, np.int64)
    for s, size in enumerate(sizes):
        offsets[s + 1] = offsets[s] + size
    rows = int(offsets[-1])
    return Mixers(
        np.tile(row, (rows, 1)),
        np.zeros(rows, np.int64),
        offsets,
        np.zeros(len(sizes), np.int64),
        np.zeros(len(sizes), np.int64),
        np.zeros(len(sizes), np.int64),
        np.array(rates, np.int64),
    )


@njit(cache=True, _nrt=False)
def _product(w, x):  # type: ignore[no-untyped-def]
    """Sum of w x / 2^16, each term rounded to 2^-6 of a unit: 32 bits hold 1024 terms."""
    total = np.int32(0)
    for q in range(x.shape[0]):
        total = np.int32(
            total + (np.int32(np.int32((w[q] >> np.int32(4)) * x[q]) + np.int32(512)) >> np.int32(10))
        )
    return np.int64(total) >> 6


@njit(cache=True, _nrt=False)
def _train(w, x, error):  # type: ignore[no-untyped-def]
    """Adds x error / 2^14, rounded, to w, and clamps it."""
    for q in range(x.shape[0]):
        v = np.int32(w[q] + (np.int32(np.int32(x[q] * error) + np.int32(8192)) >> np.int32(14)))
        w[q] = min(max(v, np.int32(-WEIGHT_LIMIT)), np.int32(WEIGHT_LIMIT))


@njit(cache=True, _nrt=False)
def mixed(mixers, x):  # type: ignore[no-untyped-def]
    """The mean of the logits of the chosen rows for inputs x, int32 (i,), within +-2047; int64."""
    total = 0
    sets = mixers.chosen.shape[0]
    for s in range(sets):
        row = mixers.chosen[s]
        logit = min(LIMIT, max(-LIMIT, _product(mixers.weights[row], x)))
        mixers.logits[s] = logit
        mixers.probabilities[s] = SQUASH[logit + LIMIT]
        total += logit
    return total // sets


@njit(cache=True, _nrt=False)
def learn(mixers, x, bit):  # type: ignore[no-untyped-def]
    """After the bit whose inputs were x: every chosen row makes its own loss smaller."""
    for s in range(mixers.chosen.shape[0]):
        row = mixers.chosen[s]
        rate = mixers.rates[1] + mixers.rates[0] * _HALF_AFTER // (_HALF_AFTER + mixers.uses[row])
        mixers.uses[row] += 1
        error = (((bit << PROBABILITY_BITS) - mixers.probabilities[s]) * rate) >> _ERROR_SHIFT
        if error != 0:
            _train(mixers.weights[row], x, np.int32(error))
