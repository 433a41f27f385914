"""Contexts that leave bytes out (sparse), and what followed the last bytes earlier (indirect)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.symbols import BYTES, PARTIAL
from mdlcodec.mixing.text.hashing import mix

NAMES = (
    "skip1",
    "skip1_2",
    "skip2_2",
    "skip1_3",
    "odd",
    "skip_word",
    "followed1",
    "followed1_1",
    "followed2",
    "followed2_2",
    "followed3",
    "bytes1",
    "bytes2",
    "bytes3",
    "bytes4",
)


class Gaps(NamedTuple):
    """after1, after2, after3: int64 (256,), (65536,), (65536,): bytes that followed that many, the newest low."""

    after1: npt.NDArray[np.int64]
    after2: npt.NDArray[np.int64]
    after3: npt.NDArray[np.int64]


def new_gaps() -> Gaps:
    """Before the first byte."""
    return Gaps(np.zeros(256, np.int64), np.zeros(65536, np.int64), np.zeros(65536, np.int64))


@njit(cache=True, _nrt=False)
def _third(b):  # type: ignore[no-untyped-def]
    """Where after3 has what followed the low three bytes of b."""
    return (mix(0, b & 0xFFFFFF) >> 16) & 0xFFFF


@njit(cache=True, _nrt=False)
def update(gaps, symbols):  # type: ignore[no-untyped-def]
    """After symbols took a byte."""
    b = symbols.numbers[BYTES]
    newest, before = b & 255, (b >> 8) & 0xFFFFFF
    gaps.after1[before & 255] = (gaps.after1[before & 255] << 8) | newest
    gaps.after2[before & 0xFFFF] = (gaps.after2[before & 0xFFFF] << 8) | newest
    at = _third(before)
    gaps.after3[at] = (gaps.after3[at] << 8) | newest


@njit(cache=True, _nrt=False)
def fill(gaps, symbols, out):  # type: ignore[no-untyped-def]
    """Writes the contexts of the next byte, int64 (15,), in the order of NAMES."""
    b, last, partial = symbols.numbers[BYTES], symbols.last, symbols.numbers[PARTIAL]
    followed1, followed2 = gaps.after1[b & 255], gaps.after2[b & 0xFFFF]
    out[0] = mix(last[1], partial)
    out[1] = mix(mix(last[1], last[2]), partial)
    out[2] = mix(mix(last[2], last[3]), partial)
    out[3] = mix(mix(mix(last[1], last[2]), last[3]), partial)
    out[4] = mix(mix(mix(last[0], last[2]), last[4]), partial)
    out[5] = mix(mix(mix(last[0], last[3]), last[4]), partial)
    out[6] = mix(b & 255, followed1 & 0xFFFF)
    out[7] = mix(b & 255, followed1 & 0xFFFFFF)
    out[8] = mix(b & 0xFFFF, followed2 & 0xFF)
    out[9] = mix(b & 255, followed2 & 0xFFFFFF)
    out[10] = mix(b & 0xFF, gaps.after3[_third(b)] & 0xFFFF)
    out[11] = b & 0xFF
    out[12] = b & 0xFFFF
    out[13] = b & 0xFFFFFF
    out[14] = b & 0xFFFFFFFF
