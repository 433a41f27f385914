"""Contexts of the last symbols, one after another: orders 1 to 16."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.contexts.symbols import MADE, PARTIAL, REMEMBERED
from mdlcodec.mixing.text.hashing import mix

ORDERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16)
NAMES = tuple(f"order{k}" for k in ORDERS)


class Orders(NamedTuple):
    """hashes: int64 (17,), at k the hash of the last k symbols."""

    hashes: npt.NDArray[np.int64]


def new_orders() -> Orders:
    """Before the first byte."""
    return Orders(np.zeros(REMEMBERED + 1, np.int64))


@njit(cache=True, _nrt=False)
def update(orders, symbols):  # type: ignore[no-untyped-def]
    """After symbols took a byte."""
    if symbols.numbers[MADE] > 0:
        h = 0
        for k in range(REMEMBERED):
            h = mix(h, symbols.last[k])
            orders.hashes[k + 1] = h


@njit(cache=True, _nrt=False)
def fill(orders, symbols, out):  # type: ignore[no-untyped-def]
    """Writes the contexts of the next byte, int64 (14,), in the order of NAMES."""
    partial = symbols.numbers[PARTIAL]
    for j in range(len(ORDERS)):
        out[j] = mix(orders.hashes[ORDERS[j]], partial)
