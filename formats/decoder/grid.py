"""Grids of real numbers: indices, values, cells, standardised values (formats/reals.md, sections 2 and 3)."""

import math
from dataclasses import dataclass

import numpy as np

from decoder.frame import Damaged, Unsupported


@dataclass(frozen=True)
class Grid:
    """The grid section; decimals 31 are raw floats, scale is (centre, exponent) or None."""

    dtype: np.dtype
    decimals: int
    negative_zero: bool
    step: int
    low: int
    high: int
    scale: tuple[int, int] | None

    @property
    def raw(self):
        """Whether indices are the bits of floats."""
        return self.decimals == 31

    def values(self, indices):
        """Values of indices, in the dtype."""
        if self.raw:
            bits = 8 * self.dtype.itemsize
            patterns = [i if i >= 0 else ~i | 1 << (bits - 1) for i in indices]
            native = self.dtype.newbyteorder("=")
            return np.array(patterns, f"u{self.dtype.itemsize}").view(native).astype(self.dtype)
        if self.dtype.kind in "iu":
            return np.array([i * self.step for i in indices], self.dtype)
        out = []
        for i in indices:
            m = i + 1 if self.negative_zero and i < -1 else i
            out.append(
                -0.0 if self.negative_zero and i == -1 else float(m * self.step) / float(10**self.decimals)
            )
        return np.array(out).astype(self.dtype)

    def bound(self, i):
        """Where the cell of index i begins, float64."""
        if self.raw:
            top = (1 << (8 * self.dtype.itemsize - 1)) - 1
            infinity = int(np.array(np.inf, self.dtype.newbyteorder("=")).view(f"u{self.dtype.itemsize}"))
            if i >= infinity or i > top:
                return math.inf
            return float(self.values([i])[0]) if ~i < infinity else -math.inf
        half = float(i) - 0.5
        if i < 0 and self.negative_zero:
            half = half + 1.0
        return half * float(self.step) / float(10**self.decimals)

    def centre(self):
        """(c, q) of section 3."""
        if self.scale:
            q = 2.0 ** self.scale[1]
            return float(self.scale[0]) * q, q
        a, b = (min(max(float(v), -(2.0**1000)), 2.0**1000) for v in self.values([self.low, self.high]))
        return a / 2.0 + b / 2.0, max(b / 4.0 - a / 4.0, 2.0**-1000)

    def standardised(self, value):
        """The t of a value."""
        c, q = self.centre()
        return min(max((value - c) / q, -(2.0**512)), 2.0**512)

    def learned(self, i):
        """What is learned from index i."""
        middle = 0.5 * (self.standardised(self.bound(i)) + self.standardised(self.bound(i + 1)))
        return min(max(middle, -4.0), 4.0)


def read_grid(r, dtype, csv):
    """The grid section ("Grid"). Raises Damaged for what is out of range, Unsupported for unknown decimals."""
    first = r.byte()
    decimals = first & 31
    step = r.unsigned() if first & 64 else 1
    low = r.signed()
    size = r.unsigned()
    scale = (r.signed(), r.signed()) if first & 128 else None
    style = r.byte() if csv else 0
    if 22 < decimals < 31:
        raise Unsupported("decimals")
    if style > 2 or (style and decimals == 31) or (first & 64 and not 2 <= step <= 1 << 53):
        raise Damaged("step or style")
    if scale and (
        abs(scale[0]) > 1 << 53 or abs(scale[1]) > 1000 or abs(scale[0]) * 2 ** (scale[1] + 1000) >= 1 << 2024
    ):
        raise Damaged("scale")
    grid = Grid(dtype, decimals, bool(first & 32), step, low, low + size, scale)
    if dtype.kind != "f" and (decimals or grid.negative_zero):
        raise Damaged("a grid of integers")
    if grid.raw:
        infinity = int(np.array(np.inf, dtype.newbyteorder("=")).view(f"u{dtype.itemsize}"))
        if first & 96 or low < ~infinity or grid.high > infinity:
            raise Damaged("raw floats that do not exist")
        return grid
    ends = low * step, grid.high * step
    if max(map(abs, ends)) > 1 << 53:
        raise Damaged("a grid beyond 2^53")
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            if not np.isfinite(np.array([float(m) / float(10**decimals) for m in ends]).astype(dtype)).all():
                raise Damaged("a value that rounds to an infinity")
    elif not np.iinfo(dtype).min <= ends[0] <= ends[1] <= np.iinfo(dtype).max:
        raise Damaged("integers beyond their dtype")
    return grid
