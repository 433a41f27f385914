"""Contexts of words: letters of any alphabet, capitals as small letters; an ideograph is a word of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.symbols import (
    BYTES,
    CLASSES,
    IDEOGRAPH,
    LETTER,
    LOWER,
    MADE,
    NEWLINE,
    PARTIAL,
    STOP,
    UPPER,
    class_of,
    folded,
)
from mdlcodec.mixing.text.hashing import mix

NAMES = (
    "word",
    "word_1",
    "word_12",
    "word_2",
    "word_3",
    "word_13",
    "word_123",
    "word_case_1",
    "word_first",
    "word_gap",
    "word_gap_1",
    "word_beginning",
    "word_beginnings",
    "word_ending",
    "word_endings",
    "word_lengths",
    "word_initials",
    "word_line",
    "letters4",
    "letters6",
    "folded3",
    "folded5",
    "word_23",
    "word_4",
    "ending_gap",
    "word_capital",
)

# numbers of a Words
WORD = 0  # hash of the word that is going on; 0 between words
PREVIOUS = 1  # hashes of the five words before it, the newest first: 1..5
LENGTH = 6  # letters of the word that is going on
BEGINNING = 7  # hash of its first four letters
BEGINNINGS = 8  # of the two words before it: 8, 9
ENDING = 10  # its last three letters, 21 bits each
ENDINGS = 11  # of the two words before it: 11, 12
FIRST = 13  # hash of the first word of the sentence
GAP = 14  # hash of what stands between the last two words, or since the last one
LENGTHS = 15  # lengths of the last words, 4 bits each
INITIALS = 16  # first letters of the last words, 16 bits each
LETTERS = 17  # the last letters, 10 bits each
FOLDED = 18  # the last symbols, 12 bits each
LINE_WORD = 19  # hash of the first word of the line
CAPITALS = 20  # for each of the last words whether it began with a capital
_NUMBERS = 21


class Words(NamedTuple):
    """numbers: int64 (21,), named above."""

    numbers: npt.NDArray[np.int64]


def new_words() -> Words:
    """Before the first byte."""
    return Words(np.zeros(_NUMBERS, np.int64))


@njit(cache=True, _nrt=False)
def _close(w):  # type: ignore[no-untyped-def]
    """Ends the word that is going on."""
    if w[WORD] == 0:
        return
    for k in range(PREVIOUS + 4, PREVIOUS, -1):
        w[k] = w[k - 1]
    w[PREVIOUS] = w[WORD]
    w[BEGINNINGS + 1], w[BEGINNINGS] = w[BEGINNINGS], w[BEGINNING]
    w[ENDINGS + 1], w[ENDINGS] = w[ENDINGS], w[ENDING]
    w[LENGTHS] = (w[LENGTHS] << 4) | min(w[LENGTH], 15)
    if w[FIRST] == 0:
        w[FIRST] = w[WORD]
    if w[LINE_WORD] == 0:
        w[LINE_WORD] = w[WORD]
    w[WORD] = w[LENGTH] = w[GAP] = 0


@njit(cache=True, _nrt=False)
def _take(w, symbol):  # type: ignore[no-untyped-def]
    kind = class_of(symbol)
    letter = folded(symbol)
    w[FOLDED] = (w[FOLDED] << 12) | (letter & 0xFFF)
    if kind == LOWER or kind == UPPER or kind == LETTER or kind == IDEOGRAPH:
        if kind == IDEOGRAPH:
            _close(w)
        if w[WORD] == 0:
            w[BEGINNING] = w[ENDING] = 0
            w[INITIALS] = (w[INITIALS] << 16) | (letter & 0xFFFF)
            w[CAPITALS] = (w[CAPITALS] << 1) | (letter != symbol)
        w[WORD] = mix(w[WORD], letter)
        w[LENGTH] += 1
        if w[LENGTH] <= 4:
            w[BEGINNING] = w[WORD]
        w[ENDING] = (w[ENDING] << 21) | (letter & 0x1FFFFF)
        w[LETTERS] = (w[LETTERS] << 10) | (letter & 0x3FF)
        if kind == IDEOGRAPH:
            _close(w)
    else:
        _close(w)
        w[GAP] = mix(w[GAP], symbol)
        if kind == STOP or kind == NEWLINE:
            w[FIRST] = 0
        if kind == NEWLINE:
            w[LINE_WORD] = 0


@njit(cache=True, _nrt=False)
def update(words, symbols):  # type: ignore[no-untyped-def]
    """After symbols took a byte."""
    for j in range(symbols.numbers[MADE]):
        _take(words.numbers, symbols.made[j])


@njit(cache=True, _nrt=False)
def fill(words, symbols, out):  # type: ignore[no-untyped-def]
    """Writes the contexts of the next byte, int64 (26,), in the order of NAMES."""
    w = words.numbers
    partial = symbols.numbers[PARTIAL]
    newest = symbols.numbers[BYTES] & 255
    here = mix(w[WORD], partial)
    edge = mix(here, symbols.last[0] if w[WORD] == 0 else 0)
    after1 = mix(edge, w[PREVIOUS])
    out[0] = edge
    out[1] = after1
    out[2] = mix(after1, w[PREVIOUS + 1])
    out[3] = mix(edge, w[PREVIOUS + 1])
    out[4] = mix(edge, w[PREVIOUS + 2])
    out[5] = mix(after1, w[PREVIOUS + 2])
    out[6] = mix(out[2], w[PREVIOUS + 2])
    out[7] = mix(mix(here, newest), w[PREVIOUS])
    out[8] = mix(here, w[FIRST])
    out[9] = mix(here, w[GAP])
    out[10] = mix(out[9], w[PREVIOUS])
    out[11] = mix(edge, w[BEGINNINGS])
    out[12] = mix(out[11], w[BEGINNINGS + 1])
    out[13] = mix(edge, w[ENDINGS])
    out[14] = mix(mix(edge, w[ENDINGS] & 0x3FFFFFFFFFF), w[ENDINGS + 1] & 0x3FFFFFFFFFF)
    out[15] = mix(mix(here, newest), w[LENGTHS] & 0xFFF)
    out[16] = mix(edge, w[INITIALS] & 0xFFFFFFFFFFFF)
    out[17] = mix(edge, w[LINE_WORD])
    out[18] = mix(w[LETTERS] & 0xFFFFFFFFFF, partial)
    out[19] = mix(w[LETTERS] & 0xFFFFFFFFFFFFFFF, partial)
    out[20] = mix(w[FOLDED] & 0xFFFFFFFFF, partial)
    out[21] = mix(w[FOLDED] & 0xFFFFFFFFFFFFFFF, partial)
    out[22] = mix(mix(edge, w[PREVIOUS + 1]), w[PREVIOUS + 2])
    out[23] = mix(edge, w[PREVIOUS + 3])
    out[24] = mix(mix(here, w[ENDINGS] & 0x3FFFFFFFFFF), w[GAP])
    out[25] = mix(mix(edge, w[CAPITALS] & 15), symbols.numbers[CLASSES] & 0xFFF)
