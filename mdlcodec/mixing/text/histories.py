"""Nodes: what came after a context, bit by bit, in a byte; and the buckets they lie in.

A node is a bit history and a probability of its own. A history is the first three bits exactly, then the numbers
of zeros and ones, bounded, and the last bit; a bit shrinks a larger count of the other bit. Source: Mahoney's PAQ
papers; the bounds are our own (formats/mixing.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import ONE, RECIPROCAL

# the largest count beside a smaller count of the other bit, by that; and what a count is after the other bit
_BOUND = (36, 30, 13, 8, 6, 5)
_DISCOUNT = (0, 1, 2, 3, 4, 5, 5, 6, 7)
NODES = 16  # uint32 a bucket: a check, then a node for each of the 15 beginnings of a nibble

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
_BITS = COUNTS[:, 0] + COUNTS[:, 1]
# adaptive probabilities (probabilities.py) that start from a history's counts
START = ((COUNTS[:, 1] * 10 + 4) * ONE // (_BITS * 10 + 8) << 10 | _SURE).astype(np.uint32)
_SHARE_BITS = 18  # of a node's own probability
_MOST = 63  # the count that a node stops at
_RATES = RECIPROCAL[: _MOST + 1].astype(np.int64)
_HISTORY = 255


@njit(cache=True, _nrt=False)
def share(node):  # type: ignore[no-untyped-def]
    """The probability of a one that a node has of its own, 18 bits; 2^17 if it is empty."""
    return (node >> 14) ^ (1 << (_SHARE_BITS - 1))


@njit(cache=True, _nrt=False)
def stepped(node, bit):  # type: ignore[no-untyped-def]
    """A node, int64, after a bit: from the lowest, 8 bits of history, 6 of count, 18 of its own probability."""
    count = (node >> 8) & _MOST
    p = share(node)
    p += (((bit << _SHARE_BITS) - bit - p) * _RATES[count]) >> 16
    grown = count + 1 if count < _MOST else count
    return FOLLOWING[node & _HISTORY, bit] | (grown << 8) | ((p ^ (1 << (_SHARE_BITS - 1))) << 14)


def _alike() -> npt.NDArray[np.uint32]:
    """uint32 (256, 2): the node after so many bits, all of them this one."""
    table = np.zeros((256, 2), np.uint32)
    for bit in (0, 1):
        for count in range(255):
            table[count + 1, bit] = stepped.py_func(np.int64(table[count, bit]), bit)
    return table


ALIKE = _alike()


@njit(cache=True, _nrt=False)
def _place(table, hashed):  # type: ignore[no-untyped-def]
    """The bucket that a hash asks for first, of 4 m in table, uint32 (64 m,), m < 2^31."""
    fours = table.shape[0] >> 6
    return ((((hashed >> 16) & 0xFFFFFFFF) * fours >> 32) << 2) | ((hashed >> 14) & 3)


@njit(cache=True, _nrt=False)
def found(table, hashed):  # type: ignore[no-untyped-def]
    """Where the bucket of a hashed context begins: of three places the one with its check; -1 if there is none."""
    check = (hashed >> 48) & 0xFFFF
    place = _place(table, hashed)
    for step in range(3):
        at = (place ^ step) * NODES
        if table[at] == check:
            return at
    return np.int64(-1)


@njit(cache=True, _nrt=False)
def made(table, hashed, nibble, count):  # type: ignore[no-untyped-def]
    """Where a new bucket begins, after this nibble so often: that of three places whose first history has the
    lowest number is given up for it."""
    place = _place(table, hashed)
    best, lowest = np.int64(0), np.int64(256)
    for step in range(3):
        at = (place ^ step) * NODES
        history = np.int64(table[at + 1]) & _HISTORY
        if history < lowest:
            best, lowest = at, history
    for j in range(NODES):
        table[best + j] = 0
    table[best] = (hashed >> 48) & 0xFFFF
    node = 1
    for i in range(4):
        bit = (nibble >> (3 - i)) & 1
        table[best + node] = ALIKE[count, bit]
        node = (node << 1) | bit
    return best


@njit(cache=True, _nrt=False)
def walked(table, bucket, nibble):  # type: ignore[no-untyped-def]
    """A bucket takes a whole nibble."""
    node = 1
    for i in range(4):
        bit = (nibble >> (3 - i)) & 1
        table[bucket + node] = stepped(np.int64(table[bucket + node]), bit)
        node = (node << 1) | bit
