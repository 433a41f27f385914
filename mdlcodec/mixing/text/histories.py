"""Bit histories: what came after a context, bit by bit, in a byte; and the buckets they lie in.

A history is the first three bits exactly, then the numbers of zeros and ones, bounded, and the last bit; a bit
shrinks a larger count of the other bit. Source: Mahoney's PAQ papers; the bounds are our own (formats/mixing.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import ONE

# the largest count beside a smaller count of the other bit, by that; and what a count is after the other bit
_BOUND = (36, 30, 13, 8, 6, 5)
_DISCOUNT = (0, 1, 2, 3, 4, 5, 5, 6, 7)
NODES = 16  # uint16 a bucket: a check, then a node for each of the 15 beginnings of a nibble

_History = str | tuple[int, int, int]  # bits of a short one; zeros, ones and last bit of a longer one


def _counts(history: _History) -> tuple[int, int]:
    if isinstance(history, str):
        return history.count("0"), history.count("1")
    return history[0], history[1]


def _step(history: _History, bit: int) -> _History:
    if isinstance(history, str) and len(history) < 3:
        return history + str(bit)
    counts = list(_counts(history))
    if isinstance(history, str):
        counts[bit] += 1
        return counts[0], counts[1], bit
    counts[1 - bit] = _DISCOUNT[min(counts[1 - bit], len(_DISCOUNT) - 1)]
    counts[bit] += 1
    while min(counts) >= len(_BOUND) or max(counts) > _BOUND[min(counts)]:
        crowded = counts[bit] > _BOUND[min(len(_BOUND) - 1, counts[1 - bit])] and counts[bit] > 2
        counts[bit if crowded else 1 - bit] -= 1
    return counts[0], counts[1], bit


def history_tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """What follows a history, uint8 (256, 2) by history and bit; its zeros and ones, int64 (256, 2).

    Histories are numbered as a search from the empty one finds them, the bit 0 first: 0 is the empty one.
    """
    numbers: dict[_History, int] = {"": 0}
    order: list[_History] = [""]
    for history in order:  # grows
        for bit in (0, 1):
            new = _step(history, bit)
            if new not in numbers:
                numbers[new] = len(order)
                order.append(new)
    following, counts = np.zeros((256, 2), np.uint8), np.zeros((256, 2), np.int64)
    for number, history in enumerate(order):
        following[number] = [numbers[_step(history, bit)] for bit in (0, 1)]
        counts[number] = _counts(history)
    return following, counts


FOLLOWING, COUNTS = history_tables()
_SURE = 24  # the count that such a probability starts with


def _started(zeros: npt.NDArray[np.int64], ones: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Adaptive probabilities (probabilities.py) that start from counts."""
    p = (ones * 10 + 4) * ONE // (zeros * 10 + ones * 10 + 8)
    return (p << 10 | _SURE).astype(np.uint32)


START = _started(COUNTS[:, 0], COUNTS[:, 1])
# the same for the last bits of a node, 1 in front
_RECENT_LENGTH = np.array([max(0, r.bit_length() - 1) for r in range(256)])
_RECENT_ONES = np.array([bin(r).count("1") - 1 if r else 0 for r in range(256)])
START_RECENT = _started(_RECENT_LENGTH - _RECENT_ONES, _RECENT_ONES)


@njit(cache=True, _nrt=False)
def find(table, hashed):  # type: ignore[no-untyped-def]
    """Where the bucket of a hashed context begins in table, uint16 (64 m,), of 4 m buckets, m < 2^31.

    Of three places the one with its check; else the one whose first history has the lowest number is emptied.
    """
    check = (hashed >> 48) & 0xFFFF
    fours = table.shape[0] >> 6
    index = ((((hashed >> 16) & 0xFFFFFFFF) * fours >> 32) << 2) | ((hashed >> 14) & 3)
    best, lowest = 0, 256
    for step in range(3):
        at = (index ^ step) * NODES
        if table[at] == check:
            return at
        history = table[at + 1] & 255
        if history < lowest:
            best, lowest = at, history
    for j in range(NODES):
        table[best + j] = 0
    table[best] = check
    return best


@njit(cache=True, _nrt=False)
def stepped(node, bit):  # type: ignore[no-untyped-def]
    """A node after a bit: its history in the low byte, its last bits, 1 and at most seven, in the high one."""
    recent = node >> 8
    recent = (max(recent, 1) << 1) | bit
    if recent > 255:
        recent = (recent & 127) | 128
    return FOLLOWING[node & 255, bit] | (recent << 8)
