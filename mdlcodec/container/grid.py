"""The grid that real numbers lie on, as few bytes (formats/reals.md, "Grid")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.container.frame import Reader, signed, unsigned
from mdlcodec.errors import BadData, CorruptFile, Unsupported

MOST_DECIMALS = 22  # float64 holds 10^22
RAW = 31  # in place of the decimals
LARGEST = 1 << 53  # of step * m: float64 holds every integer up to it
_SIGNED_ZERO, _STEP_STORED, _SCALE_STORED = 0x20, 0x40, 0x80
PLAIN, FIXED, SHORT = range(3)  # how the cells of a table were written: see formats/reals.md
STYLES = 3
_EXPONENTS = range(-1000, 1001)  # of a stored scale
_MOST_CENTRE = 1 << 53
FLOAT_BITS = {2: (10, 15), 4: (23, 127), 8: (52, 1023)}  # of the mantissa, and the exponent's bias, by bytes


@dataclass(frozen=True)
class Grid:
    """Values are step * m / 10^decimals rounded to their dtype, or (decimals None) all values of a float dtype.

    They are numbered by indices low..high: m itself, or one less for negative m if the grid has a negative zero,
    which is number -1; of raw floats, the order of their bits. ``scale``: (centre, exponent), with which
    values are standardised as (v - centre * 2^exponent) / 2^exponent; None: by the range.
    """

    decimals: int | None
    step: int
    signed_zero: bool
    low: int
    high: int
    scale: tuple[int, int] | None = None

    @property
    def is_raw(self) -> bool:
        """Whether indices number all floats."""
        return self.decimals is None


def largest_index(dtype: np.dtype[Any]) -> int:
    """The index of infinity in the order of a float dtype; that of minus infinity is -1 less this."""
    mantissa, bias = FLOAT_BITS[dtype.itemsize]
    return (2 * bias + 1) << mantissa


def encode_grid(grid: Grid, dtype: np.dtype[Any]) -> bytes:
    """The grid section's bytes, for labels of that dtype. Raises BadData for what `decode_grid` would refuse."""
    try:
        _check(grid, grid.step != 1, dtype)
    except CorruptFile as error:
        raise BadData(f"these reals cannot be coded ({error}); use classes") from error
    return grid_bytes(grid)


def grid_bytes(grid: Grid) -> bytes:
    """The grid section's bytes, of any grid."""
    first = RAW if grid.decimals is None else grid.decimals
    first |= _SIGNED_ZERO * grid.signed_zero | _STEP_STORED * (grid.step > 1)
    first |= _SCALE_STORED * (grid.scale is not None)
    parts = [bytes([first])]
    if grid.step > 1:
        parts.append(unsigned(grid.step))
    parts += [signed(grid.low), unsigned(grid.high - grid.low)]
    if grid.scale is not None:
        parts += [signed(grid.scale[0]), signed(grid.scale[1])]
    return b"".join(parts)


def decode_grid(reader: Reader, dtype: np.dtype[Any]) -> Grid:
    """The grid that the reader stands at, for labels of that dtype. Raises CorruptFile, Unsupported."""
    first = reader.byte()
    number = first & 31
    if MOST_DECIMALS < number < RAW:
        raise Unsupported(
            f"real numbers on grid {number}, which this program does not know: install a newer one"
        )
    decimals = None if number == RAW else number
    step = reader.unsigned() if first & _STEP_STORED else 1
    low, size = reader.signed(), reader.unsigned()
    scale = (reader.signed(), reader.signed()) if first & _SCALE_STORED else None
    grid = Grid(decimals, step, bool(first & _SIGNED_ZERO), low, low + size, scale)
    _check(grid, bool(first & _STEP_STORED), dtype)
    return grid


def _is_scale(centre: int, exponent: int) -> bool:
    """Whether a stored scale is in range; float64 holds its centre * 2^exponent, which is below 2^1024."""
    in_range = abs(centre) <= _MOST_CENTRE and exponent in _EXPONENTS
    return in_range and centre.bit_length() + exponent <= 1024


def _check(grid: Grid, step_stored: bool, dtype: np.dtype[Any]) -> None:
    if step_stored and not 1 < grid.step <= LARGEST:
        raise CorruptFile(f"damaged: a grid of step {grid.step}")
    if grid.scale is not None and not _is_scale(*grid.scale):
        raise CorruptFile("damaged: a scale that is out of range")
    if dtype.kind not in "iuf" or (dtype.kind != "f" and (grid.decimals != 0 or grid.signed_zero)):
        raise CorruptFile(f"damaged: {dtype} does not hold values of this grid")
    if grid.is_raw:
        most = largest_index(dtype)
        if grid.step > 1 or grid.signed_zero or grid.low < -most - 1 or grid.high > most:
            raise CorruptFile("damaged: floats that do not exist")
        return
    smallest, largest = grid.low * grid.step, grid.high * grid.step
    if max(-smallest, largest) > LARGEST:
        raise CorruptFile("damaged: real numbers outside the range of their grid")
    if dtype.kind == "f":
        mantissa, bias = FLOAT_BITS[dtype.itemsize]
        infinite = ((4 << mantissa) - 1) << (bias - mantissa - 1)  # the least number that rounds to infinity
        power = float(10 ** (grid.decimals or 0))  # integers
        if float(max(-smallest, largest)) / power >= infinite:
            raise CorruptFile(f"damaged: real numbers outside what {dtype} can hold")
    else:
        limits = np.iinfo(dtype)
        if smallest < limits.min or largest > limits.max:
            raise CorruptFile(f"damaged: real numbers outside what {dtype} can hold")
