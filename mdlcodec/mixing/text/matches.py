"""Match models: the longest earlier occurrence of the last bytes says which byte comes next.

A match is verified byte by byte when it is found. After a wrong byte it goes on where it was, as a recovered one,
until another is found (formats/mixing.md, "Matches").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.hashing import mix
from mdlcodec.mixing.text.probabilities import HALF, learned
from mdlcodec.mixing.text.tables import STRETCH

INPUTS = 2  # of a match model
LONGEST = 65535
_VERIFIED = 400  # bytes at most that a search compares
_MISSES = 8
_ENTRIES = 64 * 4 * 2  # of a model, by length, recent misses and expected bit


class Matches(NamedTuple):
    """Of m models: shortest, int64 (m,), the lengths they search; heads, int32 (m, 2^k), ends of what was seen;
    pointers, lengths, expected (the byte with 256 added, or 0), misses: int64 (m,); probabilities, uint32 (512 m,);
    slots, int64 (m,), the entry in use or -1."""

    shortest: npt.NDArray[np.int64]
    heads: npt.NDArray[np.int32]
    pointers: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    expected: npt.NDArray[np.int64]
    misses: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.uint32]
    slots: npt.NDArray[np.int64]


def new_matches(shortest: tuple[int, ...], head_bits: int) -> Matches:
    """Before the first byte."""
    models = len(shortest)
    return Matches(
        np.array(shortest, np.int64),
        np.full((models, 1 << head_bits), -1, np.int32),
        np.zeros(models, np.int64),
        np.zeros(models, np.int64),
        np.zeros(models, np.int64),
        np.zeros(models, np.int64),
        np.full(models * _ENTRIES, HALF, np.uint32),
        np.zeros(models, np.int64),
    )


@njit(cache=True, _nrt=False)
def search(matches, text, mask, at):  # type: ignore[no-untyped-def]
    """Before the byte at position at: finds or keeps the matches, and says what they expect."""
    for m in range(matches.shortest.shape[0]):
        want = matches.shortest[m]
        if at >= want:
            h = 0
            for j in range(want):
                h = mix(h, text[(at - 1 - j) & mask])
            place = (h >> 20) & (matches.heads.shape[1] - 1)
            candidate = matches.heads[m, place]
            if (matches.lengths[m] == 0 or matches.misses[m] > 0) and candidate >= 0:
                length = 0
                # the place in use at position at itself is not the past
                farthest = min(_VERIFIED, ((at - candidate - 1) & mask))
                while (
                    length < farthest
                    and text[(candidate - 1 - length) & mask] == text[(at - 1 - length) & mask]
                ):
                    length += 1
                if length >= want:
                    matches.lengths[m], matches.pointers[m], matches.misses[m] = length, candidate, 0
            matches.heads[m, place] = at & mask
        matches.expected[m] = 0
        if matches.lengths[m] > 0:
            matches.expected[m] = text[matches.pointers[m] & mask] | 256


@njit(cache=True, _nrt=False)
def fill(matches, bit, begun, x):  # type: ignore[no-untyped-def]
    """Writes the inputs of bit number `bit` (0..7) of a byte whose bits so far are begun (1 in front).

    Returns 1 + the bit that the model with the longest match expects, or 0; and what each expects, in base 3.
    """
    guess, longest, all_guesses = 0, 0, 0
    for m in range(matches.shortest.shape[0]):
        x[INPUTS * m] = x[INPUTS * m + 1] = 0
        all_guesses *= 3
        matches.slots[m] = -1
        if matches.expected[m] == 0:
            continue
        if (matches.expected[m] >> (8 - bit)) != begun:
            matches.expected[m] = 0  # wrong for the rest of the byte
            continue
        expected = (matches.expected[m] >> (7 - bit)) & 1
        length = matches.lengths[m]
        if length >= 16:
            length = 16 + ((length - 16) >> 2) if length < 48 else min(24 + ((length - 48) >> 4), 63)
        slot = m * _ENTRIES + ((length * 4 + min(matches.misses[m], 3)) << 1) + expected
        matches.slots[m] = slot
        all_guesses += 1 + expected
        p = np.int64(matches.probabilities[slot]) >> 10
        x[INPUTS * m] = STRETCH[p >> 10]
        x[INPUTS * m + 1] = (p - (1 << 21)) >> 11
        if matches.lengths[m] > longest:
            longest = matches.lengths[m]
            guess = 1 + expected
    return guess, all_guesses


@njit(cache=True, _nrt=False)
def learn(matches, bit):  # type: ignore[no-untyped-def]
    """Takes a bit."""
    for m in range(matches.slots.shape[0]):
        slot = matches.slots[m]
        if slot >= 0:
            matches.probabilities[slot] = learned(np.int64(matches.probabilities[slot]), bit, 1000)


@njit(cache=True, _nrt=False)
def update(matches, text, mask, byte):  # type: ignore[no-untyped-def]
    """After a byte: its matches grow; a wrong one stays as a recovered one, unless it was wrong too often."""
    for m in range(matches.shortest.shape[0]):
        if matches.lengths[m] == 0:
            continue
        if text[matches.pointers[m] & mask] == byte:
            matches.lengths[m] = min(matches.lengths[m] + 1, LONGEST)
            if matches.lengths[m] >= 16:
                matches.misses[m] = 0
        else:
            matches.misses[m] += 1
            matches.lengths[m] = 1 if matches.misses[m] < _MISSES else 0
            if matches.lengths[m] == 0:
                matches.misses[m] = 0
        matches.pointers[m] += 1
