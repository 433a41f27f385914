"""Rows of a table for symbols, and for places (formats/sequences.md, "Nodes")."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.function import Function
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.sums import fixed_point_exponent, largest_of, scaled, sums_of


@njit(cache=True, nogil=True)
def _gathered(symbols, table, y):
    """Rows of the table; False where a symbol has none."""
    for i in range(symbols.size):
        symbol = np.int64(symbols[i])
        if symbol < 0 or symbol >= table.shape[0]:
            return False
        y[i] = table[symbol]
    return True


@njit(cache=True, nogil=True)
def _scattered(symbols, g, largest, rows, sums):
    """Integers on the grid: sums of g (places, d) by symbol in sums float64 (symbols, d)."""
    scale = power_of_two(fixed_point_exponent(largest, rows))
    for i in range(symbols.size):
        to, values = sums[np.int64(symbols[i])], g[i]
        for c in range(values.size):
            to[c] += (np.float64(values[c]) * scale + ROUNDING) - ROUNDING


class Embedding(Function):
    """A table's row for each symbol."""

    @staticmethod
    def forward(
        symbols: np.ndarray, table: np.ndarray, reduction: Reduction = ALONE
    ) -> tuple[np.ndarray, Any]:
        """symbols integers (N, T), table float32 (symbols, d) -> float32 (N, T, d). Raises IndexError for a symbol
        that the table has no row for."""
        y = np.empty((*symbols.shape, table.shape[1]), np.float32)
        if not _gathered(symbols.reshape(-1), table, y.reshape(-1, table.shape[1])):
            raise IndexError(f"a symbol is none of the {table.shape[0]} that the table has rows for")
        return y, (symbols, table.shape, reduction)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Of the symbols none, and that of the table: sums over the places of each symbol, on one grid."""
        symbols, shape, reduction = saved
        (largest,) = reduction.maximum(largest_of(g.reshape(-1)))
        rows, sums = reduction.examples(len(symbols)) * symbols.shape[1], np.zeros(shape)
        _scattered(symbols.reshape(-1), g.reshape(-1, shape[1]), largest, rows, sums)
        whole = scaled(reduction.total(sums).reshape(-1), largest, rows)
        return None, whole.astype(np.float32).reshape(shape)


@njit(cache=True, nogil=True)
def _placed(x, table, y):
    for i in range(x.shape[0]):
        for t in range(x.shape[1]):
            values, own, out = x[i, t], table[t], y[i, t]
            for c in range(values.size):
                out[c] = values[c] + own[c]


class Positions(Function):
    """x + a table's row for each place."""

    @staticmethod
    def forward(x: np.ndarray, table: np.ndarray, reduction: Reduction = ALONE) -> tuple[np.ndarray, Any]:
        """x float32 (N, T, d), table float32 (places, d), T <= places -> float32 (N, T, d)."""
        y = np.empty_like(x)
        _placed(x, table, y)
        return y, (table.shape, reduction)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """g itself, and that of the table: sums over the examples, +0 for places beyond T."""
        shape, reduction = saved
        n, length, width = g.shape
        table = np.zeros(shape, np.float32)
        sums = sums_of(g.reshape(-1), length * width, reduction.examples(n), reduction)
        table[:length] = sums.astype(np.float32).reshape(length, width)
        return g, table
