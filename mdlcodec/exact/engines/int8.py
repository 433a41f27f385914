"""The int8 engine: base-128 digits in -64..63 multiplied by ``torch._int_mm``, recombined in 64 bits.

Digits stay within 64 because without VNNI the instruction behind ``_int_mm`` adds pairs of products in 16
bits and saturates: 2 * 64 * 64 fits, 2 * 127 * 127 does not.
"""

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.exact.engines.matrix import Matrices

# 64 * 64 * 2^18 = 2^30: longer sums are split so that int32 never overflows
_LONGEST_SUM = 1 << 18


@njit(cache=True)
def _split(integers: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> None:
    for i in range(integers.size):
        u = (integers[i] + np.int16(64)) >> 7
        upper[i] = u
        lower[i] = integers[i] - (u << 7)


@njit(cache=True)
def _scaled_1(s0, scales, out):
    for m in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[m, n] = np.float32(np.float64(s0[m, n]) * scales[m] + 0.0)


@njit(cache=True)
def _scaled_2(s0, s1, scales, out):
    for m in range(out.shape[0]):
        for n in range(out.shape[1]):
            total = (np.int64(s0[m, n]) << 7) + s1[m, n]
            out[m, n] = np.float32(np.float64(total) * scales[m] + 0.0)


@njit(cache=True)
def _scaled_4(s00, s01, s10, s11, scales, out):
    for m in range(out.shape[0]):
        for n in range(out.shape[1]):
            middle = np.int64(s01[m, n]) + s10[m, n]
            total = (np.int64(s00[m, n]) << 14) + (middle << 7) + s11[m, n]
            out[m, n] = np.float32(np.float64(total) * scales[m] + 0.0)


def _int_mm(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """int8 (M, K) times int8 (K, N), either of them possibly a transposed view -> int32 (M, N)."""
    if 1 in a.shape or 1 in b.shape:
        # torch 2.13 returns wrong numbers for transposed operands with an extent of 1: their strides mislead it
        return a.astype(np.int32) @ b.astype(np.int32)  # integers
    return torch._int_mm(torch.from_numpy(a), torch.from_numpy(b)).numpy()  # integers


class Int8Matrices(Matrices):
    """One int8 plane per digit, the upper digit first."""

    name = "int8"
    longest_sum = _LONGEST_SUM

    @override
    def planes(self, integers: np.ndarray, digits: int) -> tuple[np.ndarray, ...]:
        if digits == 1:
            return (integers.astype(np.int8),)
        upper, lower = np.empty(integers.shape, np.int8), np.empty(integers.shape, np.int8)
        _split(integers.reshape(-1), upper.reshape(-1), lower.reshape(-1))
        return upper, lower

    @override
    def product(self, a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], scales: np.ndarray) -> np.ndarray:
        """K at most 2^18, which every layer's input is."""
        sums = [_int_mm(x, y.T) for x in a for y in b]
        out = np.empty(sums[0].shape, np.float32)
        if len(sums) == 1:
            _scaled_1(*sums, scales, out)
        elif len(sums) == 2:
            _scaled_2(*sums, scales, out)
        else:
            _scaled_4(*sums, scales, out)
        return out

    @override
    def outer(self, a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], total: np.ndarray) -> None:
        for start in range(0, a[0].shape[0], _LONGEST_SUM):
            rows = slice(start, start + _LONGEST_SUM)
            for i, x in enumerate(a):
                for j, y in enumerate(b):
                    shift = 7 * (len(a) - 1 - i + len(b) - 1 - j)
                    total += _int_mm(x[rows].T, y[rows]).astype(np.float64) * (1 << shift)
