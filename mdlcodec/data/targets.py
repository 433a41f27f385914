"""What is coded given the inputs: what both sides know of it before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from typing_extensions import override

from mdlcodec.container.grid import FLOAT_BITS, Grid


class Target(Protocol):
    """What both sides know of the values, one for each example, before they are coded."""

    @property
    def is_settled(self) -> bool:
        """Whether the values are known already, so that there is nothing to code."""

    def settled(self, n: int) -> np.ndarray:
        """The n values where they are known already, as codes give them."""

    def described(self) -> str:
        """For people, after the number of labels."""


@dataclass(frozen=True)
class Classes(Target):
    """Each value is one of k >= 1 classes, int32 in 0..k-1."""

    k: int

    @property
    @override
    def is_settled(self) -> bool:
        return self.k == 1

    @override
    def settled(self, n: int) -> np.ndarray:
        return np.zeros(n, np.int32)

    @override
    def described(self) -> str:
        return f"of {self.k:,} classes"


@dataclass(frozen=True)
class Reals(Target):
    """Each value is a number of a dtype, on a grid; coded are indices into it, int64, each in low..high."""

    grid: Grid
    dtype: np.dtype[Any]

    @property
    @override
    def is_settled(self) -> bool:
        return self.grid.low == self.grid.high

    @override
    def settled(self, n: int) -> np.ndarray:
        return np.full(n, self.grid.low, np.int64)

    @override
    def described(self) -> str:
        grid = self.grid
        if grid.decimals is None:
            return f"that are reals, each bit of {self.dtype.name}"
        unit = Fraction(grid.step, 10**grid.decimals)  # integers
        return f"that are reals, multiples of {float(unit):g}"

    def values(self, indices: np.ndarray) -> np.ndarray:
        """The numbers, of the dtype, with these indices, int64 (n,)."""
        grid, native = self.grid, self.dtype.newbyteorder("=")
        if grid.decimals is None:
            patterns = np.where(indices < 0, ~indices, indices)
            bits = native.itemsize * 8
            unsigned = patterns.astype(f"u{native.itemsize}")
            signs = np.where(indices < 0, 1, 0).astype(unsigned.dtype) << unsigned.dtype.type(bits - 1)
            return (unsigned | signs).view(native).astype(self.dtype)
        zero = indices == -1
        numbers = np.where(indices < 0, indices + 1, indices) if grid.signed_zero else indices
        if native.kind != "f":
            return (numbers * np.int64(grid.step)).astype(self.dtype)
        power = np.float64(10**grid.decimals)  # integers
        divided = (numbers * np.int64(grid.step)).astype(np.float64) / power
        if grid.signed_zero:
            divided[zero] = -0.0
        with np.errstate(over="ignore"):
            return divided.astype(native).astype(self.dtype)

    def _scale(self) -> tuple[float, float]:
        """What is subtracted from values, and then divides them."""
        grid = self.grid
        if grid.scale is not None:
            unit = float(np.ldexp(1.0, grid.scale[1]))
            return float(grid.scale[0]) * unit, unit
        most = float(np.ldexp(1.0, 1000))
        ends = self.values(np.array([grid.low, grid.high])).astype(np.float64)
        low, high = (min(max(float(end), -most), most) for end in ends)
        return low * 0.5 + high * 0.5, max(high * 0.25 - low * 0.25, float(np.ldexp(1.0, -1000)))

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """The grid as `mdlcodec.mixing.real_mixture.bound` takes it."""
        grid = self.grid
        mantissa, bias = FLOAT_BITS[self.dtype.itemsize] if grid.decimals is None else (0, 0)
        divisor = 1.0 if grid.decimals is None else float(10**grid.decimals)  # integers
        integers = np.array([mantissa, bias, grid.signed_zero], np.int64)
        return integers, np.array([float(grid.step), divisor, *self._scale()])
