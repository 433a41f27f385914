"""Labels that are real numbers: the grid they lie on, and how a table's cells were written (formats/reals.md)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from mdlcodec.container.grid import FIXED, LARGEST, MOST_DECIMALS, PLAIN, SHORT, Grid
from mdlcodec.data.dataset import LabelColumn, quoted
from mdlcodec.data.targets import Reals
from mdlcodec.errors import BadData

_PRECISION = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_FEW_VALUES = 20  # different ones: up to here, and up to a quarter of the examples, numbers are classes
_OUTLYING = 64  # a range of more than so many interquartile ranges says nothing of the scale


@dataclass(frozen=True)
class RealLabels:
    """Labels as numbers: ``indices`` int64 (n,) into the target's grid. ``form``, ``column``: see Labels.

    ``style``: how cells of a table were written (container.grid); ``change``: the largest by which --precision
    changed a value, None where nothing was asked for.
    """

    indices: np.ndarray
    target: Reals
    form: str
    column: LabelColumn | None = None
    style: int = PLAIN
    change: float | None = None

    @property
    def n(self) -> int:
        """Number of labels."""
        return int(self.indices.shape[0])

    @property
    def coded(self) -> np.ndarray:
        """What codes are given."""
        return self.indices

    def array(self) -> np.ndarray:
        """The labels themselves, (n,), in the target's dtype."""
        return self.target.values(self.indices)

    def cells(self) -> list[str]:
        """As a table has them."""
        if self.style == PLAIN:
            return [str(value) for value in self.array()]
        grid = self.target.grid
        assert grid.decimals is not None
        return [_cell(int(index), grid, self.style == SHORT) for index in self.indices]


def _cell(index: int, grid: Grid, short: bool) -> str:
    negative = index < 0
    number = abs(index + 1 if grid.signed_zero and negative else index) * grid.step
    decimals = grid.decimals or 0
    whole, rest = divmod(number, 10**decimals)  # integers
    text = f"{whole}.{rest:0{decimals}d}" if decimals else f"{whole}"
    if short and decimals:
        text = text.rstrip("0").rstrip(".")
    return f"-{text}" if negative else text


def are_many(distinct: int, n: int) -> bool:
    """Whether numbers with so many different values among n are reals unless they are said to be classes."""
    return distinct > _FEW_VALUES and 4 * distinct > n


def precision_of(text: str) -> tuple[int, int]:
    """--precision as (step, decimals): step / 10^decimals. Raises BadData."""
    if _PRECISION.fullmatch(text) is None or float(text) == 0.0:
        raise BadData(f"no precision {quoted(text)}; give a positive decimal number, such as 0.01")
    whole, _, rest = text.partition(".")
    return int(whole + rest), len(rest)


def reals_of_array(
    values: np.ndarray, form: str, column: LabelColumn | None = None, precision: str | None = None
) -> RealLabels:
    """Labels of numbers (n,), integers or floats of up to 64 bits. Raises BadData for NaN and what cannot be coded.

    precision: a decimal number, to whose nearest multiples (of two, the even one) the values go first.
    """
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise BadData("the labels have NaN among them, which is no real number; leave those examples out")
    if values.dtype.kind == "u" and values.size and int(values.max()) > LARGEST:
        raise BadData("integers above 2^53 cannot be coded as reals; use classes")
    change = None
    if precision is not None:
        indices, grid, change = _rounded(values, *precision_of(precision))
    else:
        indices, grid = _exact(values)
    return RealLabels(indices, Reals(grid, values.dtype), form, column, PLAIN, change)


def _exact(values: np.ndarray) -> tuple[np.ndarray, Grid]:
    """Indices and grid: the fewest decimals that give every value back, else the floats' bits."""
    if values.dtype.kind in "iu":
        return _with_grid(values.astype(np.int64), np.zeros(values.size, bool), 0, values.dtype)
    wide = values.astype(np.float64)
    minus_zero = (wide == 0.0) & np.signbit(wide)  # sender only
    if np.isfinite(wide).all():
        for decimals in range(MOST_DECIMALS + 1):
            power = np.float64(10**decimals)  # integers
            scaled = np.rint(wide * power)
            if not (np.abs(scaled) <= LARGEST).all():
                break
            back = (scaled / power).astype(values.dtype)
            if (back == values).all():
                if _finer_than_floats(wide, values.dtype, decimals):
                    break
                return _with_grid(scaled.astype(np.int64), minus_zero, decimals, values.dtype)
    native = values.astype(values.dtype.newbyteorder("="))
    bits = native.dtype.itemsize * 8
    patterns = native.view(f"u{native.dtype.itemsize}").astype(np.uint64)
    magnitudes = (patterns & np.uint64((1 << bits - 1) - 1)).astype(np.int64)
    indices = np.where(np.signbit(native), ~magnitudes, magnitudes)  # sender only
    grid = Grid(None, 1, False, int(indices.min()), int(indices.max()))
    return indices, _scaled(grid, wide)


def _finer_than_floats(wide: np.ndarray, dtype: np.dtype[Any], decimals: int) -> bool:
    """Whether cells of so many decimals are narrower than the floats' own, by the mean of logarithms."""
    native = np.abs(wide).astype(dtype.newbyteorder("="))
    widths = np.log2(np.spacing(native).astype(np.float64)).mean()  # sender only
    return bool(widths > -np.log2(10.0) * decimals)  # sender only


def _with_grid(
    numbers: np.ndarray, minus_zero: np.ndarray, decimals: int, dtype: np.dtype[Any]
) -> tuple[np.ndarray, Grid]:
    if int(numbers.min()) < -LARGEST or int(numbers.max()) > LARGEST:  # no abs: -2^63 has none in int64
        raise BadData("integers above 2^53 cannot be coded as reals; use classes")
    distinct = np.unique(numbers).tolist()
    step = max(1, math.gcd(*distinct))
    signed = bool(minus_zero.any())
    indices = numbers // step
    if signed:
        indices = np.where((indices < 0) | minus_zero, indices - 1, indices)
    grid = Grid(decimals, step, signed, int(indices.min()), int(indices.max()))
    return indices, _scaled(grid, Reals(grid, dtype).values(indices).astype(np.float64))


def _scaled(grid: Grid, values: np.ndarray) -> Grid:
    """The grid with a scale of its own where outliers widen the range."""
    finite = np.sort(np.clip(values, -1e300, 1e300))
    quarter = finite.size // 4
    low, middle, high = (float(finite[i]) for i in (quarter, finite.size // 2, finite.size - 1 - quarter))
    spread, whole = high * 0.5 - low * 0.5, float(finite[-1]) * 0.5 - float(finite[0]) * 0.5
    if not 0.0 < spread * _OUTLYING < whole:
        return grid
    exponent = max(-1000, math.frexp(2.0 * spread)[1])  # sender only
    centre = int(Fraction(middle) / Fraction(2) ** exponent)  # integers
    if abs(centre) > LARGEST or exponent > 1000:
        return grid
    return Grid(grid.decimals, grid.step, grid.signed_zero, grid.low, grid.high, (centre, exponent))


def _fit(grid: Grid, dtype: np.dtype[Any]) -> bool:
    """Whether the ends of a grid of decimals are numbers of that dtype."""
    if dtype.kind == "f":
        ends = Reals(grid, dtype).values(np.array([grid.low, grid.high]))
        return bool(np.isfinite(ends).all())
    limits = np.iinfo(dtype)
    return int(limits.min) <= grid.low * grid.step and grid.high * grid.step <= int(limits.max)


def _rounded(values: np.ndarray, step: int, decimals: int) -> tuple[np.ndarray, Grid, float]:
    """Indices and grid of the nearest multiples of step / 10^decimals, and the largest change."""
    if values.dtype.kind in "iu" and decimals:
        raise BadData("integers have no decimals; give a whole --precision")
    if not np.isfinite(values.astype(np.float64)).all():
        raise BadData("an infinite label has no nearest multiple; leave --precision out")
    if step > LARGEST:
        raise BadData("this --precision has too many digits; give one of fewer, such as 0.01")
    unit = Fraction(step, 10**decimals)  # integers
    numbers = [round(Fraction(value) / unit) for value in values.tolist()]
    if max(map(abs, numbers)) * step > LARGEST:
        raise BadData("the labels are too large for this --precision; give a coarser one")
    indices = np.array(numbers, np.int64)
    grid = Grid(decimals, step, False, int(indices.min()), int(indices.max()))
    if not _fit(grid, values.dtype):
        raise BadData(
            f"multiples of this --precision leave what {values.dtype.name} can hold; give a finer one, or labels "
            "of a wider dtype"
        )
    back = Reals(grid, values.dtype).values(indices)
    changes = [abs(Fraction(a) - Fraction(b)) for a, b in zip(values.tolist(), back.tolist(), strict=True)]
    return indices, _scaled(grid, back.astype(np.float64)), float(max(changes))


def reals_of_words(
    words: list[str], codes: np.ndarray, column: LabelColumn | None, precision: str | None = None
) -> RealLabels | None:
    """Labels ``words[codes]``, cells of a table, as float64; None where they would be written otherwise when they
    come back. With a precision, they come back with its decimals."""
    try:
        numbers = np.array([float(word) for word in words], np.float64)
    except ValueError:
        return None
    if np.isnan(numbers).any():
        return None
    exact = reals_of_array(numbers[codes], "csv", column, precision)
    if precision is not None:
        return RealLabels(exact.indices, exact.target, "csv", column, FIXED, exact.change)
    wanted = [words[code] for code in codes]
    decimals = {len(word.partition(".")[2]) for word in words}
    for style in (SHORT, FIXED, PLAIN):
        labels = exact
        if style == FIXED and len(decimals) == 1 and next(iter(decimals)) <= MOST_DECIMALS:
            labels = _with_decimals(exact, next(iter(decimals)))
        if style != PLAIN and labels.target.grid.is_raw:
            continue
        labels = RealLabels(labels.indices, labels.target, "csv", column, style)
        if labels.cells() == wanted:
            return labels
    return None


def _with_decimals(labels: RealLabels, decimals: int) -> RealLabels:
    """The same numbers on a grid with more decimals."""
    grid = labels.target.grid
    if grid.decimals is None or decimals < grid.decimals:
        return labels
    step = grid.step * 10 ** (decimals - grid.decimals)  # integers
    if max(abs(grid.low), abs(grid.high)) * step > LARGEST:
        return labels
    finer = Grid(decimals, step, grid.signed_zero, grid.low, grid.high, grid.scale)
    return RealLabels(labels.indices, Reals(finer, labels.target.dtype), labels.form, labels.column)
