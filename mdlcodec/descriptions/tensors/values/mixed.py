"""Values bit by bit under a mixture of contexts (formats/network.md, "Values").

A value is a sign, a head and a tail. The head (an exponent, or a rank in a codebook) is walked down as a binary
tree under contexts of how large the neighbours, the row, the input and the kernel are so far; the tail's first
three bits under the head, the others under their place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.descriptions.tensors.scan import next_place, place_before
from mdlcodec.mixing.logistic import (
    HALF,
    Mixture,
    code_adaptive,
    code_mixed,
    new_mixture,
)

LEVELS = 16  # how large a value is, in the unit of its tool; 0 where there is none
MODELLED_TAIL_BITS = 3  # under the head; a slot for each of the nodes of their tree
POSITIVE, NEGATIVE, BOTH = range(3)  # signs that occur

_CONTEXTS = (1, 32, 32, 64, 64, 64, 64, 64, 32)  # how many of each kind, times the nodes
_HEAD_WEIGHT = 0.11
_SIGN_CONTEXTS = (1, 81, 16, 16, 64)
_SIGN_WEIGHTS = (0.0, 0.15, 0.35, 0.0, 0.0, 0.0)  # and a constant


class Shape(NamedTuple):
    """What values look like. signs: BOTH, or the only one that occurs, POSITIVE or
    NEGATIVE; head_bits; tail_bits int64 (2^head_bits,) by head;
    levels uint8 (2, 2^head_bits), 1..15 by sign and head."""

    signs: int
    head_bits: int
    tail_bits: npt.NDArray[np.int64]
    levels: npt.NDArray[np.uint8]


class Bank(NamedTuple):
    """What was learned from tensors of one kind: heads and signs by mixtures, tails by slots."""

    heads: Mixture
    signs: Mixture
    tails: npt.NDArray[np.uint32]

    def copied(self) -> Bank:
        """A bank that learns on its own from here on."""
        return Bank(self.heads.copied(), self.signs.copied(), self.tails.copy())


def new_bank(head_bits: int) -> Bank:
    """The bank of a kind of values, before the first tensor."""
    nodes = 2 << head_bits
    heads = [round(65536 * _HEAD_WEIGHT)] * len(_CONTEXTS) + [0]
    signs = [round(65536 * weight) for weight in _SIGN_WEIGHTS]
    return Bank(
        new_mixture(nodes * sum(_CONTEXTS), 16, heads, len(_CONTEXTS), (2, 0, 60)),  # integers
        new_mixture(sum(_SIGN_CONTEXTS), 1, signs, len(_SIGN_CONTEXTS), (4, 32, 1000)),  # integers
        np.full((nodes + 8) * 8 + 64, HALF, np.uint32),
    )


def new_sums(extents: tuple[int, int, int, int]) -> npt.NDArray[np.int64]:
    """Levels added up and their number: of row a, kernel (a, b), inputs (b, c, d), b; the two last levels."""
    _, b, c, d = extents
    return np.zeros(4 + 2 * (b * c * d + b) + 2, np.int64)


@njit(cache=True)
def _mean(total, number):  # type: ignore[no-untyped-def]
    """Twice the mean level, 1..31; 0 where there is none."""
    return (2 * total + number // 2) // number if number > 0 else 0


@njit(cache=True)
def code_values(coding, bank, shape, seen, levels, signs, sums, in_kernels, values, start, stop, first):  # type: ignore[no-untyped-def]
    """Code the values of elements start..stop of seen uint8 (a, b, c, d), the first of which is number `first`.

    levels uint8 (a, b, c, d), filled here; signs int8 (a, b, c, d), filled here with 1 and -1; sums: of
    new_sums, carried on; in_kernels int64 (a, b): non-zeros; values: (negative uint8 (n,), head int64 (n,),
    tail uint64 (n,)), n non-zeros. Returns the number of the next.
    """
    negatives, heads, tails = values
    head_bits = shape.head_bits
    nodes = 2 << head_bits
    _, extent_b, extent_c, extent_d = seen.shape
    kernel = extent_c * extent_d
    inputs = extent_b * kernel
    columns = 4
    blocks = columns + 2 * inputs
    last = blocks + 2 * extent_b
    number = first
    mixture, indices = bank.heads, bank.heads.indices
    mixture.inputs[9] = 256
    bank.signs.inputs[5] = 256
    where = place_before(start, seen.shape)
    for _ in range(start, stop):
        where = next_place(where, seen.shape)
        a, b, c, d, place, column = where
        if column == 0:
            sums[0] = sums[1] = 0
        if place == 0:
            sums[2] = sums[3] = 0
        if seen[a, b, c, d] == 0:
            continue
        left = levels[a, b, c, d - 1] if d > 0 else 0
        up = levels[a, b, c - 1, d] if c > 0 else 0
        before = levels[a, b - 1, c, d] if b > 0 else 0
        previous = levels[a - 1, b, c, d] if a > 0 else 0
        row = _mean(sums[0], sums[1])
        inside = _mean(sums[2], sums[3])
        input_ = _mean(sums[columns + 2 * column], sums[columns + 2 * column + 1])
        block = _mean(sums[blocks + 2 * b], sums[blocks + 2 * b + 1])
        crowd = in_kernels[a, b]

        negative = np.int64(shape.signs == NEGATIVE)
        if shape.signs == BOTH:
            negative = np.int64(negatives[number])
            sign_left = signs[a, b, c, d - 1] if d > 0 else 0
            sign_up = signs[a, b, c - 1, d] if c > 0 else 0
            sign_before = signs[a, b - 1, c, d] if b > 0 else 0
            sign_previous = signs[a - 1, b, c, d] if a > 0 else 0
            at = bank.signs.indices
            at[0] = 0
            at[1] = 1 + 40 + sign_left + 3 * sign_up + 9 * sign_before + 27 * sign_previous
            at[2] = 82 + 4 + sign_left + 3 * sign_up
            at[3] = 98 + 4 + sign_before + 3 * sign_previous
            at[4] = 114 + min(place, 63)
            negative = code_mixed(coding, bank.signs, 0, negative)

        base = 0
        top = negative << head_bits
        head = np.int64(heads[number])
        node = 1
        for depth in range(head_bits):
            at_node = top + node
            base = 0
            indices[0] = at_node
            base += nodes
            indices[1] = base + row * nodes + at_node
            base += 32 * nodes
            indices[2] = base + input_ * nodes + at_node
            base += 32 * nodes
            indices[3] = base + ((left >> 1) * 8 + (up >> 1)) * nodes + at_node
            base += 64 * nodes
            indices[4] = base + ((before >> 1) * 8 + (previous >> 1)) * nodes + at_node
            base += 64 * nodes
            indices[5] = base + ((inside >> 1) * 4 + min(crowd, 7) // 2) * nodes + at_node
            base += 64 * nodes
            indices[6] = base + min(place, 63) * nodes + at_node
            base += 64 * nodes
            indices[7] = base + ((sums[last] >> 1) * 8 + (sums[last + 1] >> 1)) * nodes + at_node
            base += 64 * nodes
            indices[8] = base + block * nodes + at_node
            bit = code_mixed(coding, mixture, min(depth, 15), (head >> (head_bits - 1 - depth)) & 1)
            node = node << 1 | bit
        head = node - (1 << head_bits)
        tail_bits = shape.tail_bits[head]
        tail = tails[number]
        rest = np.uint64(0)
        tail_node = 1
        for i in range(tail_bits - 1, -1, -1):
            bit = np.int64(tail >> np.uint64(i)) & 1
            if tail_bits - i <= MODELLED_TAIL_BITS:
                bit = code_adaptive(coding, bank.tails, (top + head) * 8 + tail_node, bit)
                tail_node = tail_node << 1 | bit
            else:
                bit = code_adaptive(coding, bank.tails, (nodes + 8) * 8 + i, bit)
            rest = rest << np.uint64(1) | np.uint64(bit)
        negatives[number] = negative
        heads[number] = head
        tails[number] = rest
        number += 1

        level = np.int64(shape.levels[negative, head])
        levels[a, b, c, d] = level
        signs[a, b, c, d] = 1 - 2 * negative
        sums[0] += level
        sums[1] += 1
        sums[2] += level
        sums[3] += 1
        sums[columns + 2 * column] += level
        sums[columns + 2 * column + 1] += 1
        sums[blocks + 2 * b] += level
        sums[blocks + 2 * b + 1] += 1
        sums[last + 1] = sums[last]
        sums[last] = level
    return number
