"""Probabilities that adapt: 22 bits of probability and 10 bits of count in a uint32 (formats/mixing.md)."""

from __future__ import annotations

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import RECIPROCAL

HALF = 1 << 31  # probability 1/2, count 0


@njit(cache=True, _nrt=False)
def learned(entry, bit, limit):  # type: ignore[no-untyped-def]
    """The entry after a bit, int64: p moves by 1 / (count + 1.5) of its error, the count stops at limit < 1024."""
    count = entry & 1023
    p = entry >> 10
    p += (((bit << 22) - bit - p) * RECIPROCAL[count]) >> 16
    return (p << 10) | (count + 1 if count < limit else count)
