"""Corrections of the last probability by what came true of it in small contexts (SSE), interpolated.

Source: secondary symbol estimation of Mahoney's PAQ, with cells of half a nat (formats/mixing.md, "Corrections").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import LIMIT, SQUASH

CELLS = 33  # logits -2048, -1920 .. 2048
BITS = 16  # contexts of a correction: 2^16
COUNT = 5
SHIFT = 6  # the nearer cell moves by 2^-6 of its error


class Corrections(NamedTuple):
    """Of c corrections: entries, uint32 (c, 65536 * 33), probabilities of 22 bits; contexts, int64 (c,);
    places, int64 (c,), the cells in use; results, int64 (c,)."""

    entries: npt.NDArray[np.uint32]
    contexts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    results: npt.NDArray[np.int64]


def new_corrections() -> Corrections:
    """Which correct nothing yet."""
    cells = np.array([SQUASH[(j - CELLS // 2) * 128 + LIMIT] for j in range(CELLS)], np.uint32)
    entries = np.tile(cells, (COUNT, 1 << BITS))
    return Corrections(entries, *(np.zeros(COUNT, np.int64) for _ in range(3)))


@njit(cache=True, _nrt=False)
def correct(corrections, logit):  # type: ignore[no-untyped-def]
    """For a logit within +-3071 the probabilities in the contexts set, into results."""
    v = min(2047, max(-2048, logit)) + 2048
    cell, part = v >> 7, v & 127
    for a in range(corrections.contexts.shape[0]):
        place = corrections.contexts[a] * CELLS + cell
        low, high = np.int64(corrections.entries[a, place]), np.int64(corrections.entries[a, place + 1])
        corrections.results[a] = (low * (128 - part) + high * part) >> 7
        corrections.places[a] = place + (part >> 6)


@njit(cache=True, _nrt=False)
def learn(corrections, bit):  # type: ignore[no-untyped-def]
    """Takes a bit."""
    target = (1 << 22) - 1 if bit else 0
    for a in range(corrections.contexts.shape[0]):
        p = np.int64(corrections.entries[a, corrections.places[a]])
        corrections.entries[a, corrections.places[a]] = p + ((target - p) >> SHIFT)
