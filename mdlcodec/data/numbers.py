"""Which cells of a table are numbers, which are missing (formats/data.md, section Cells)."""

from __future__ import annotations

import re

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
"""Cells that stand for a missing number, after ASCII letters were made small."""

LONGEST = 400
"""Characters; a longer cell is text."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,18}")


def is_missing(cell: str) -> bool:
    """Whether the cell stands for a missing number."""
    return len(cell) <= 4 and cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether the cell is a number by the grammar."""
    if len(cell) > LONGEST:
        return False
    return _DECIMAL.fullmatch(cell) is not None or _INFINITE.fullmatch(cell) is not None


def parse(cells: list[str]) -> list[int] | list[float] | None:
    """Numbers of the cells: all Python ints when all are integers, else all correctly rounded float64.

    None when a cell is no number. An int is exact whatever its size; a decimal beyond the range is infinite.
    """
    if not all(map(is_number, cells)):
        return None
    if all(_INTEGER.fullmatch(cell) for cell in cells):
        return [int(cell) for cell in cells]
    return [float(cell) for cell in cells]


def canonical_integer(cell: str) -> bool:
    """Whether the cell is exactly what printing an int64 gives (no plus, no leading zeros, in range)."""
    return _CANONICAL.fullmatch(cell) is not None and -(2**63) <= int(cell) < 2**63
