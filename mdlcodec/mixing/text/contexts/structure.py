"""Contexts of structure: brackets that are open, quotes, tags of XML and HTML, identifiers of programs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.symbols import BYTES, PARTIAL
from mdlcodec.mixing.text.hashing import mix

NAMES = (
    "name",
    "name_1",
    "name_12",
    "name_sign",
    "bracket",
    "bracket_name",
    "tag",
    "tags",
    "attribute",
    "number",
)

# numbers of a Structure
NAME = 0  # hash of the identifier that is going on: letters, digits, _ and bytes from 128 on; 0 outside
NAME_1 = 1  # of the one before it
NAME_2 = 2
SIGNS = 3  # the last four bytes that are neither of an identifier nor spaces
DEPTH = 4  # brackets that are open
TAG_DEPTH = 5  # tags that are open
IN_TAG = 6  # 0 in text, 1 in a tag's name, 2 behind it
CLOSES = 7  # 1 in a closing tag, 2 behind a slash further on, 3 in a declaration
TAG = 8  # hash of its name
ATTRIBUTE = 9  # hash of the last name in it
SINCE = 10  # bytes since the last bracket opened
_NUMBERS = 11
_DEEPEST = 64


class Structure(NamedTuple):
    """numbers: int64 (11,), named above; openers: int64 (64,), bytes; before: int64 (64,), the names before them;
    tags: int64 (64,), hashes."""

    numbers: npt.NDArray[np.int64]
    openers: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]
    tags: npt.NDArray[np.int64]


def new_structure() -> Structure:
    """Before the first byte."""
    return Structure(
        np.zeros(_NUMBERS, np.int64),
        np.zeros(_DEEPEST, np.int64),
        np.zeros(_DEEPEST, np.int64),
        np.zeros(_DEEPEST, np.int64),
    )


@njit(cache=True, _nrt=False)
def _named(byte):  # type: ignore[no-untyped-def]
    return byte >= 128 or 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte == 95


@njit(cache=True, _nrt=False)
def _brackets(structure, byte):  # type: ignore[no-untyped-def]
    n = structure.numbers
    n[SINCE] = min(n[SINCE] + 1, 255)
    if byte == 40 or byte == 91 or byte == 123:
        place = n[DEPTH] & (_DEEPEST - 1)
        structure.openers[place] = byte
        structure.before[place] = n[NAME] if n[NAME] != 0 else n[NAME_1]
        n[DEPTH] += 1
        n[SINCE] = 0
    elif (byte == 41 or byte == 93 or byte == 125) and n[DEPTH] > 0:
        n[DEPTH] -= 1
        n[SINCE] = 0


@njit(cache=True, _nrt=False)
def _close_tag(structure):  # type: ignore[no-untyped-def]
    """Closes the innermost open tag of the name that ends, and those in it; none if it is not of the last eight."""
    n = structure.numbers
    for back in range(8):
        depth = n[TAG_DEPTH] - 1 - back
        if depth < 0:
            return
        if structure.tags[depth & (_DEEPEST - 1)] == n[TAG]:
            n[TAG_DEPTH] = depth
            return


@njit(cache=True, _nrt=False)
def _tags(structure, byte):  # type: ignore[no-untyped-def]
    n = structure.numbers
    if byte == 60:
        n[IN_TAG], n[CLOSES], n[TAG], n[ATTRIBUTE] = 1, 0, 0, 0
    elif n[IN_TAG] == 0:
        return
    elif byte == 62:
        if n[CLOSES] == 0 and n[TAG] != 0:
            structure.tags[n[TAG_DEPTH] & (_DEEPEST - 1)] = n[TAG]
            n[TAG_DEPTH] += 1
        elif n[CLOSES] == 1:
            _close_tag(structure)
        n[IN_TAG] = 0
    elif byte == 33 or byte == 63:
        n[CLOSES] = 3
    elif byte == 47:
        n[CLOSES] = max(n[CLOSES], 1 if n[TAG] == 0 else 2)
    elif n[IN_TAG] == 1 and (_named(byte) or byte == 58 or byte == 45):
        n[TAG] = mix(n[TAG], byte)
    elif n[IN_TAG] == 1:
        n[IN_TAG] = 2 if n[TAG] != 0 or n[CLOSES] != 0 else 0  # a lone < is no tag
    elif n[CLOSES] == 2:
        n[CLOSES] = 0  # a slash in an attribute


@njit(cache=True, _nrt=False)
def update(structure, byte):  # type: ignore[no-untyped-def]
    """Takes a byte."""
    n = structure.numbers
    _tags(structure, byte)
    _brackets(structure, byte)
    if _named(byte):
        n[NAME] = mix(n[NAME], byte)
        return
    if n[NAME] != 0:
        n[NAME_2], n[NAME_1], n[NAME] = n[NAME_1], n[NAME], 0
        if n[IN_TAG] == 2 and byte == 61:
            n[ATTRIBUTE] = n[NAME_1]
    if byte != 32:
        n[SIGNS] = ((n[SIGNS] << 8) | byte) & 0xFFFFFFFF


@njit(cache=True, _nrt=False)
def opener(structure, back):  # type: ignore[no-untyped-def]
    """The byte that opened the innermost bracket but `back`; 0 if there is none."""
    depth = structure.numbers[DEPTH] - 1 - back
    return structure.openers[depth & (_DEEPEST - 1)] if depth >= 0 else 0


@njit(cache=True, _nrt=False)
def open_tag(structure, back):  # type: ignore[no-untyped-def]
    """The hash of the innermost open tag's name but `back`; 0 if there is none."""
    depth = structure.numbers[TAG_DEPTH] - 1 - back
    return structure.tags[depth & (_DEEPEST - 1)] if depth >= 0 else 0


@njit(cache=True, _nrt=False)
def fill(structure, symbols, out):  # type: ignore[no-untyped-def]
    """Writes the contexts of the next byte, int64 (10,), in the order of NAMES."""
    n, b = structure.numbers, symbols.numbers[BYTES]
    here = mix(n[NAME], symbols.numbers[PARTIAL])
    edge = mix(here, b & 255 if n[NAME] == 0 else 0)
    depth = (n[DEPTH] - 1) & (_DEEPEST - 1)
    inner = opener(structure, 0)
    out[0] = mix(edge, n[SIGNS] & 0xFF)
    out[1] = mix(mix(edge, n[NAME_1]), n[SIGNS] & 0xFF)
    out[2] = mix(mix(edge, n[NAME_1]), n[NAME_2])
    out[3] = mix(edge, n[SIGNS])
    out[4] = mix(mix(inner, opener(structure, 1)), mix(n[SINCE], b & 255))
    out[5] = mix(mix(inner, structure.before[depth] if inner != 0 else 0), edge)
    tag = open_tag(structure, 0)
    out[6] = mix(mix(tag, n[IN_TAG]), mix(n[CLOSES], edge))
    out[7] = mix(mix(tag, open_tag(structure, 1)), mix(n[TAG], b & 0xFF))
    out[8] = mix(mix(n[TAG], n[ATTRIBUTE]), mix(tag, edge))
    out[9] = mix(n[SIGNS] & 0xFFFF, mix(n[IN_TAG], b & 0xFFFF))
