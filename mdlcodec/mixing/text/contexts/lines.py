"""Contexts of lines: columns, what stands above, indentation, and the kinds of the last symbols."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.symbols import BYTES, CLASSES, PARTIAL
from mdlcodec.mixing.text.hashing import mix

NAMES = (
    "column",
    "above",
    "above_wide",
    "classes6",
    "classes12",
    "line_start",
    "indentation",
    "line_before",
)

# numbers of a Lines
START = 0  # where the line starts
BEFORE = 1  # where the line before it starts
FIRST = 2  # its first byte, 0 while it has none
INDENTATION = 3  # spaces and tabs it starts with
INDENTED = 4  # whether anything else came in it
OPENING = 5  # hash of its first four bytes behind the indentation
OPENED = 6  # how many of them came
OPENING_BEFORE = 7  # of the line before it
INDENTATION_BEFORE = 8
_NUMBERS = 9


class Lines(NamedTuple):
    """numbers: int64 (9,), named above."""

    numbers: npt.NDArray[np.int64]


def new_lines() -> Lines:
    """Before the first byte."""
    return Lines(np.zeros(_NUMBERS, np.int64))


@njit(cache=True, _nrt=False)
def update(lines, byte, at):  # type: ignore[no-untyped-def]
    """Takes the byte at position at."""
    n = lines.numbers
    if byte == 10:
        n[BEFORE], n[START] = n[START], at + 1
        n[OPENING_BEFORE], n[INDENTATION_BEFORE] = n[OPENING], n[INDENTATION]
        n[FIRST] = n[INDENTATION] = n[INDENTED] = n[OPENING] = n[OPENED] = 0
        return
    if n[START] == at:
        n[FIRST] = byte
    if n[INDENTED] == 0 and (byte == 32 or byte == 9):
        n[INDENTATION] += 1
        return
    n[INDENTED] = 1
    if n[OPENED] < 4:
        n[OPENED] += 1
        n[OPENING] = mix(n[OPENING], byte)


@njit(cache=True, _nrt=False)
def _above(n, text, mask, at):  # type: ignore[no-untyped-def]
    """The byte of the line before at the column of position at; 0 if it has none, or it is too far back."""
    place = n[BEFORE] + at - n[START]
    if place >= n[START] or at - place > mask:
        return 0
    return text[place & mask] | 0


@njit(cache=True, _nrt=False)
def fill(lines, symbols, text, mask, at, out):  # type: ignore[no-untyped-def]
    """Writes the contexts of the byte at position at, int64 (8,), in the order of NAMES."""
    n, b, partial = lines.numbers, symbols.numbers[BYTES], symbols.numbers[PARTIAL]
    classes = symbols.numbers[CLASSES]
    above = _above(n, text, mask, at)
    out[0] = mix(min(at - n[START], 255), mix(classes & 15, n[INDENTATION]))
    out[1] = mix(above, b & 255)
    out[2] = mix(mix(above, _above(n, text, mask, at + 1)), b & 0xFFFF)
    out[3] = mix(classes & 0xFFFFFF, partial)
    out[4] = mix(classes & 0xFFFFFFFFFFFF, partial)
    out[5] = mix(mix(n[FIRST], n[OPENING]), b & 255)
    out[6] = mix(mix(n[INDENTATION], n[INDENTATION_BEFORE]), mix(b & 255, n[INDENTED]))
    out[7] = mix(mix(n[OPENING_BEFORE], n[OPENING]), mix(b & 255, n[INDENTED]))
