"""The bytes seen last, and the symbols that they make: code points of UTF-8, or single bytes where it is none.

Contexts count in symbols, so that a letter of any alphabet is one step back (formats/mixing.md, "Symbols").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit

# numbers of a Symbols
BYTES = 0  # the last eight bytes, the newest in the low byte
PARTIAL = 1  # 1 followed by the bytes of a symbol that is not whole yet; 1 alone if there is none
PENDING = 2  # bytes that it waits for
POINT = 3  # its code point so far
MADE = 4  # symbols that the last byte completed: 0, 1 or 2
CLASSES = 5  # classes of the last 16 symbols, 4 bits each
_NUMBERS = 6
REMEMBERED = 16

LOWER, UPPER, DIGIT, SPACE, NEWLINE, LETTER, IDEOGRAPH, STOP = range(1, 9)
COMMA, QUOTE, OPENING, CLOSING, DASH, SIGN, CONTROL = range(9, 16)


class Symbols(NamedTuple):
    """numbers: int64 (6,), named above; last: int64 (16,), the newest symbol first; made: int64 (2,)."""

    numbers: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    made: npt.NDArray[np.int64]


def new_symbols() -> Symbols:
    """Before the first byte."""
    numbers = np.zeros(_NUMBERS, np.int64)
    numbers[PARTIAL] = 1
    return Symbols(numbers, np.zeros(REMEMBERED, np.int64), np.zeros(2, np.int64))


@njit(cache=True, _nrt=False)
def class_of(point):  # type: ignore[no-untyped-def]
    """The class of a symbol, 1..15."""
    if point < 128:
        if 97 <= point <= 122:
            return LOWER
        if 65 <= point <= 90:
            return UPPER
        if 48 <= point <= 57:
            return DIGIT
        if point == 32:
            return SPACE
        if point == 10:
            return NEWLINE
        if point == 46 or point == 33 or point == 63:
            return STOP
        if point == 44 or point == 58 or point == 59:
            return COMMA
        if point == 34 or point == 39 or point == 96:
            return QUOTE
        if point == 40 or point == 91 or point == 123 or point == 60:
            return OPENING
        if point == 41 or point == 93 or point == 125 or point == 62:
            return CLOSING
        if point == 45 or point == 95:
            return DASH
        return SIGN if point > 32 else CONTROL
    if 0x2000 <= point < 0x2070:  # general punctuation
        return DASH if point < 0x2016 else QUOTE
    if 0x3000 <= point < 0x3030 or 0xFF00 <= point < 0xFF10:
        return STOP if point == 0x3002 else COMMA
    if 0x3040 <= point < 0xA000 or 0x20000 <= point < 0x30000:
        return IDEOGRAPH
    return LETTER if point >= 0xAA else SIGN


@njit(cache=True, _nrt=False)
def folded(point):  # type: ignore[no-untyped-def]
    """The small letter of a capital one, of the Latin, Greek and Cyrillic alphabets without their rarer letters."""
    if 65 <= point <= 90 or 0xC0 <= point < 0xDF or 0x391 <= point < 0x3AA or 0x410 <= point < 0x430:
        return point + 32
    if 0x400 <= point < 0x410:
        return point + 80
    return point


@njit(cache=True, _nrt=False)
def _complete(symbols, point):  # type: ignore[no-untyped-def]
    numbers, last = symbols.numbers, symbols.last
    for k in range(REMEMBERED - 1, 0, -1):
        last[k] = last[k - 1]
    last[0] = point
    symbols.made[numbers[MADE]] = point
    numbers[MADE] += 1
    numbers[CLASSES] = (numbers[CLASSES] << 4) | class_of(point)
    numbers[PARTIAL] = 1
    numbers[PENDING] = 0


@njit(cache=True, _nrt=False)
def update(symbols, byte):  # type: ignore[no-untyped-def]
    """Takes a byte, int64."""
    numbers = symbols.numbers
    numbers[BYTES] = (numbers[BYTES] << 8) | byte
    numbers[MADE] = 0
    if numbers[PENDING] > 0:
        if (byte & 0xC0) == 0x80:
            numbers[PARTIAL] = (numbers[PARTIAL] << 8) | byte
            numbers[POINT] = (numbers[POINT] << 6) | (byte & 63)
            numbers[PENDING] -= 1
            if numbers[PENDING] == 0:
                _complete(symbols, numbers[POINT])
            return
        _complete(symbols, numbers[PARTIAL] & 0xFFFFFF)  # cut short: its bytes are a symbol
    if byte < 0xC2 or byte > 0xF4:
        _complete(symbols, byte)
        return
    numbers[PARTIAL] = 256 | byte
    if byte < 0xE0:
        numbers[PENDING], numbers[POINT] = 1, byte & 31
    elif byte < 0xF0:
        numbers[PENDING], numbers[POINT] = 2, byte & 15
    else:
        numbers[PENDING], numbers[POINT] = 3, byte & 7
