"""Where the cells of a grid of real numbers begin, and what is learned from them (formats/reals.md)."""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit

_LARGEST_TARGET = 4.0  # what is learned from, in units of the grid's scale
_LARGEST_EDGE = 1.3407807929942597e154  # 2^512


@njit(cache=True)
def float_at(index, mantissa, bias):  # type: ignore[no-untyped-def]
    """The float numbered ``index`` in the order of its dtype's bits, as float64."""
    pattern = index if index >= 0 else -(index + 1)
    exponent = pattern >> mantissa
    fraction = np.float64(pattern & ((np.int64(1) << mantissa) - np.int64(1)))
    if exponent == 2 * bias + 1:
        value = np.inf
    elif mantissa == 52:
        value = np.int64(pattern).view(np.float64)
    elif exponent == 0:
        value = fraction * np.int64((1 - bias - mantissa + 1023) << 52).view(np.float64)
    else:
        unit = np.int64((exponent - bias - mantissa + 1023) << 52).view(np.float64)
        value = (fraction + np.float64(np.int64(1) << mantissa)) * unit
    return value if index >= 0 else -value


@njit(cache=True)
def bound(index, grid, numbers):  # type: ignore[no-untyped-def]
    """The value where the cell of ``index`` begins.

    grid: int64 (mantissa bits or 0, bias, signed zero); numbers: float64 (step, divisor, centre, scale).
    """
    if grid[0] > 0:
        return float_at(index, grid[0], grid[1])
    place = np.float64(index) - 0.5
    if grid[2] and index < 0:
        place = place + 1.0
    return (place * numbers[0]) / numbers[1]


@njit(cache=True)
def standardised(value, numbers):  # type: ignore[no-untyped-def]
    """A value in units of the grid's scale, from its centre; at most 2^512 of them."""
    t = (value - numbers[2]) / numbers[3]
    if t > _LARGEST_EDGE:
        return _LARGEST_EDGE
    return t if t > -_LARGEST_EDGE else -_LARGEST_EDGE


@njit(cache=True)
def learned(index, grid, numbers):  # type: ignore[no-untyped-def]
    """What is learned from an index: the middle of its cell, in units of the grid's scale, at most 4 of them."""
    e0 = standardised(bound(index, grid, numbers), numbers)
    e1 = standardised(bound(index + 1, grid, numbers), numbers)
    middle = 0.5 * (e0 + e1)
    if middle > _LARGEST_TARGET:
        return _LARGEST_TARGET
    return middle if middle > -_LARGEST_TARGET else -_LARGEST_TARGET


@njit(cache=True)
def learned_from(indices, grid, numbers):  # type: ignore[no-untyped-def]
    """The same of indices int64 (n,): float64 (n,)."""
    targets = np.empty(indices.size)
    for i in range(indices.size):
        targets[i] = learned(indices[i], grid, numbers)
    return targets
