"""Rotary positions as an exact function (Su et al. 2021; formats/sequences.md, "Nodes").

Pairs of features of queries and keys turn by angles that grow with the place, whole multiples of one 4,096th of a
turn, so that products of both depend on how far apart they are and on nothing else, however long the sequence.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.function import Function
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

TURN = 4096  # steps of a whole turn
_FASTEST = 652  # steps a place, nearly one radian, of the first pair
_SLOWER = 9  # halvings of it over all pairs
_BITS = 256  # of the integers that cosines are computed in


def _pi() -> int:
    """Pi times 2^_BITS, by Machin's formula."""

    def arctangent(inverse: int) -> int:
        term, total, k = (1 << _BITS) // inverse, 0, 0
        while term:
            total += (-1 if k % 2 else 1) * (term // (2 * k + 1))
            term //= inverse * inverse
            k += 1
        return total

    return 16 * arctangent(5) - 4 * arctangent(239)


@functools.cache
def cosines() -> np.ndarray:
    """Float64 (TURN,): those nearest to cos(2 pi k / TURN); the sine of k is the cosine of k - TURN / 4."""
    one, quarter = 1 << _BITS, TURN // 4
    angle = 2 * _pi() // TURN
    # cosine and sine of one step by their series, then of each further one by the sum of angles
    first, term, k = [0, 0], one, 0
    while term:
        first[k % 2] += term * (1, 1, -1, -1)[k % 4]
        k += 1
        term = term * angle // (k * one)
    cosine, sine, found = one, 0, []
    for _ in range(quarter):
        found.append(cosine / one)  # integers divide to the nearest float64
        cosine, sine = (
            (cosine * first[0] - sine * first[1]) >> _BITS,
            (sine * first[0] + cosine * first[1]) >> _BITS,
        )
    rising = np.array([*found, 0.0])
    half = np.concatenate([rising, -rising[-2::-1]])  # 0 to TURN / 2
    return np.concatenate([half, half[-2:0:-1]])


@functools.cache
def steps_of_pairs(pairs: int) -> np.ndarray:
    """Int64 (pairs,): by how many steps each pair of a head turns from one place to the next."""
    found = []
    for c in range(pairs):
        # the largest whole number below 652 * 2^(-9 c / pairs), and 1 at least
        steps = 1
        while ((steps + 1) ** pairs) << (_SLOWER * c) <= _FASTEST**pairs:  # integers
            steps += 1
        found.append(steps)
    return np.array(found, np.int64)


@njit(cache=True, nogil=True)
def _turn(x, cosines, sines, sign, heads, y, first, last):
    """Examples first..last of x (N, T, 3 * heads * w) into y; cosines and sines (T, w // 2)."""
    pairs = cosines.shape[1]
    width = x.shape[2] // (3 * heads)
    for n in range(first, last):
        for t in range(x.shape[1]):
            row, out, c, s = x[n, t], y[n, t], cosines[t], sines[t]
            for h in range(2 * heads):
                at = h * width
                for p in range(pairs):
                    a, b = np.float64(row[at + p]), np.float64(row[at + pairs + p])
                    turned = sign * s[p]
                    out[at + p] = np.float32(a * c[p] - b * turned)
                    out[at + pairs + p] = np.float32(a * turned + b * c[p])
                for p in range(2 * pairs, width):  # of an odd number of features the last
                    out[at + p] = row[at + p]
            for p in range(2 * heads * width, row.size):
                out[p] = row[p]


@njit(cache=True, nogil=True)
def _turn_shared(job, count, each, *arguments):
    return share(job, *entry(_turn, arguments), count, each)


def _turned(x: np.ndarray, heads: int, start: int, sign: float) -> np.ndarray:
    pairs = x.shape[2] // (3 * heads) // 2
    places = np.arange(start, start + x.shape[1], dtype=np.int64)
    angles = places[:, None] * steps_of_pairs(pairs) % TURN  # (T, pairs)
    table, y = cosines(), np.empty_like(x)
    arguments = x, table[angles], table[(angles - TURN // 4) % TURN], sign, heads, y
    in_parts(_turn, _turn_shared, arguments, len(x), part_size(len(x), 1, x.size * VALUE))
    return y


class Rotation(Function):
    """Queries and keys of x float32 (N, T, 3 d), side by side with values, turned by their places."""

    @staticmethod
    def forward(x: np.ndarray, heads: int, start: int = 0) -> tuple[np.ndarray, Any]:
        """Float32 (N, T, 3 d); ``start``: the place of the first."""
        return _turned(x, heads, start, 1.0), (heads, start)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient turned back."""
        heads, start = saved
        return (_turned(g, heads, start, -1.0),)
