"""The hash of contexts: 64 bits, one value after another (formats/mixing.md, "Hash")."""

from __future__ import annotations

from mdlcodec.compiled import njit

_FACTOR = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed integer: 2^64 / golden ratio, odd
_LOW = 0xFFFFFFFF


@njit(cache=True, _nrt=False)
def mix(h, v):  # type: ignore[no-untyped-def]
    """The hash of what h is the hash of, followed by v: int64 of int64 and int64, modulo 2^64."""
    h = (h + v + 1) * _FACTOR
    return h ^ ((h >> 32) & _LOW)
