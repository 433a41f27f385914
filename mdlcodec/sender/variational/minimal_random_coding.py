"""The sender's choice among a block's candidates (Havasi, Peharz & Hernandez-Lobato 2019, algorithm 1).

The importance weight of a candidate w is q(w) / p(w): under these weights, candidates of the prior p follow the
posterior q as their number grows. Where the objective has been minimised, ln q/p is also, up to a constant, minus
the loss that a quadratic model of it has at w, so that the candidate of the greatest weight is taken.
"""

from __future__ import annotations

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mdlcodec.compiled import njit
from mdlcodec.container.ids import Purpose
from mdlcodec.descriptions.posterior_samples import candidate
from mdlcodec.exact.elementary import normal_quantile

_TABLE_BITS = 14
_LOOKED_AT = 256  # candidates whose weights are computed from their very numbers


@intrinsic
def _product_high(_typing, a, b):
    """The upper half of the product of two uint64."""

    def build(_context, builder, _signature, operands):
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(operand, wide) for operand in operands))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), build


@njit(cache=True)
def _approximate(first, key, table, squares, slopes, weights):
    """weights[i] = sum over j of squares[j] z^2 + slopes[j] z, with z from the first bits of the words of Stream
    (seed, purpose, first + i), by the table."""
    m = squares.size
    shift = np.uint64(64 - _TABLE_BITS)
    for i in range(weights.size):
        total = np.float32(0.0)
        for group in range((m + 3) // 4):
            c0, c1 = np.uint64(group + 1), first + np.uint64(i)
            c2, c3 = np.uint64(0), np.uint64(0)
            k0, k1 = key[0], key[1]
            for _ in range(10):
                h0 = _product_high(np.uint64(0xD2E7470EE14C6C93), c0)
                l0 = np.uint64(0xD2E7470EE14C6C93) * c0
                h1 = _product_high(np.uint64(0xCA5A826395121157), c2)
                l1 = np.uint64(0xCA5A826395121157) * c2
                c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
                k0 += np.uint64(0x9E3779B97F4A7C15)
                k1 += np.uint64(0xBB67AE8584CAA73B)
            j = 4 * group
            z = table[c0 >> shift]
            total += (squares[j] * z + slopes[j]) * z
            if j + 1 < m:
                z = table[c1 >> shift]
                total += (squares[j + 1] * z + slopes[j + 1]) * z
            if j + 2 < m:
                z = table[c2 >> shift]
                total += (squares[j + 2] * z + slopes[j + 2]) * z
            if j + 3 < m:
                z = table[c3 >> shift]
                total += (squares[j + 3] * z + slopes[j + 3]) * z
        weights[i] = total


@functools.cache
def _table() -> np.ndarray:
    cells = 1 << _TABLE_BITS
    return np.array([normal_quantile((i + 0.5) / cells) for i in range(cells)], np.float32)


def approximate_weights(
    seed: int, block: int, bits: int, squares: np.ndarray, slopes: np.ndarray
) -> np.ndarray:
    """ln q/p of all candidates up to a constant, float32 (2^bits,), from the first bits of each number."""
    weights = np.empty(1 << bits, np.float32)
    key = np.array([seed, Purpose.CANDIDATES], np.uint64)
    factors = squares.astype(np.float32), slopes.astype(np.float32)
    _approximate(np.uint64(block << bits), key, _table(), *factors, weights)
    return weights


def log_ratio(mean: np.ndarray, deviation: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(squares, slopes), (m,): ln q/p at prior * z is the sum of squares * z^2 + slopes * z, up to a constant."""
    ratio = prior / deviation
    return 0.5 - 0.5 * ratio * ratio, ratio * (mean / deviation)


def choose(
    seed: int,
    block: int,
    bits: int,
    mean: np.ndarray,
    deviation: np.ndarray,
    prior: np.ndarray,
) -> int:
    """The index of the candidate of a block with the greatest q/p.

    mean, deviation: of the posterior, prior: deviation of the prior, all (m,) and positive but the mean.
    """
    squares, slopes = log_ratio(mean, deviation, prior)
    weights = approximate_weights(seed, block, bits, squares, slopes)
    looked_at = min(_LOOKED_AT, weights.size)
    best = np.sort(np.argpartition(weights, weights.size - looked_at)[-looked_at:])
    numbers = [candidate(seed, block, int(index), bits, mean.size) for index in best]
    z = np.array(numbers, np.float64).reshape(looked_at, mean.size)
    return int(best[np.argmax((squares * z * z + slopes * z).sum(1))])
