"""Block integers: float32 blocks as integers with a common power of two (formats/arithmetic.md, section 2).

A block x becomes q = rint(x * 2^e), |q| <= LIMITS[digits], with the largest e that allows it.
Activations have one block per example, weights and gradients one per tensor.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

# |q| of one and two base-128 digits in -64..63; 8255 would do for two, 8127 keeps the upper digit within 63
LIMITS = {1: 63, 2: 8127}
BITS = {1: 6, 2: 13}
EXPONENT_LIMIT = 120
GRADIENT_EXPONENT_LIMIT = 400
INFINITY_BITS = 0x7F800000
_ROUNDING = np.float32(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds |x| < 2^22 half to even


@dataclass(frozen=True)
class Digits:
    """Base-128 digits of each kind of operand."""

    weights: int
    activations: int
    gradients: int


# of version 1: chosen by the trial in bench/results/digits_*.json, and frozen
DIGITS = Digits(weights=2, activations=1, gradients=2)
INPUT_DIGITS = Digits(weights=2, activations=2, gradients=2)  # the layer that the inputs themselves enter


@njit(cache=True, nogil=True)
def block_exponent(largest: float, limit: int, bits: int, clamp: int) -> int:
    """The block's exponent e from its largest absolute value (float64, finite)."""
    if largest == 0.0:
        return 0
    # frexp: 2^(f-1) <= largest < 2^f; float32 values and their scaled products are normal float64 numbers
    f = int((np.float64(largest).view(np.int64) >> 52) & 2047) - 1022
    e = min(max(bits - f, -GRADIENT_EXPONENT_LIMIT), clamp)
    if (largest * power_of_two(e) + ROUNDING) - ROUNDING > limit:
        e -= 1
    return e


@njit(cache=True, nogil=True)
def largest_bits(x: np.ndarray) -> int:
    """Bits of the largest |x| (int32 view of float32): integers compare like the values and vectorise."""
    largest = np.int32(0)
    for i in range(x.size):
        largest = max(largest, x[i] & np.int32(0x7FFFFFFF))
    return int(largest)


@njit(cache=True, nogil=True, inline="always")
def rounded(x: np.float32, scale: np.float32) -> np.int32:
    """rint(x * scale) for |x * scale| < 2^22, scale a power of two of float32: the product is exact, or
    rounds to 0 as the exact one does."""
    return np.int32((x * scale + _ROUNDING) - _ROUNDING)


@njit(cache=True, nogil=True)
def round_to_integers(x: np.ndarray, scale: np.float32, out: np.ndarray) -> None:
    """`rounded` of x, float32 (m,), into out, int16 (m,)."""
    for i in range(x.size):
        out[i] = np.int16(rounded(x[i], scale))


@njit(cache=True, nogil=True)
def _row_exponents(bits_of_x, limit, bits, exponents):
    """One block per row; False when a value is not finite."""
    for row in range(bits_of_x.shape[0]):
        largest = largest_bits(bits_of_x[row])
        if largest >= INFINITY_BITS:
            return False
        value = np.float64(np.int32(largest).view(np.float32))
        exponents[row] = block_exponent(value, limit, bits, EXPONENT_LIMIT)
    return True


@njit(cache=True, nogil=True)
def _round_rows(x, exponents, q):
    for row in range(x.shape[0]):
        round_to_integers(x[row], np.float32(power_of_two(exponents[row])), q[row])


@njit(cache=True, nogil=True)
def _round_part(x, scale, out, first, last):
    """Values first..last of x, float32 (m,), as integers in out, int16 (m,)."""
    round_to_integers(x[first:last], scale, out[first:last])


@njit(cache=True, nogil=True)
def _round_part_shared(job, count, each, *arguments):
    return share(job, *entry(_round_part, arguments), count, each)


@njit(cache=True, nogil=True)
def _gradient_maxima(bits_of_g, example_exponents):
    """The largest |g| and the largest |g| weighted by example, (N, m) int32 view of float32 -> float64 (2,)."""
    largest, weighted = 0.0, 0.0
    for n in range(bits_of_g.shape[0]):
        row = largest_bits(bits_of_g[n])
        if row >= INFINITY_BITS:
            return np.array([np.inf, np.inf])
        value = np.float64(np.int32(row).view(np.float32))
        largest = max(largest, value)
        weighted = max(weighted, value * power_of_two(-example_exponents[n]))
    return np.array([largest, weighted])


@njit(cache=True)
def _round_weighted(g, row_exponents, rows_per_exponent, exponent, q):
    for row in range(g.shape[0]):
        scale = power_of_two(exponent - row_exponents[row // rows_per_exponent])
        for i in range(g.shape[1]):
            q[row, i] = np.int16((np.float64(g[row, i]) * scale + ROUNDING) - ROUNDING)


def not_finite() -> InexactComputation:
    """The error of a block that holds a NaN or an infinity."""
    return InexactComputation("training diverged: a value is NaN or infinite; try another preset or network")


def row_exponents(x: np.ndarray, digits: int) -> np.ndarray:
    """One block per row: float32 (rows, m) -> exponents int64 (rows,); InexactComputation if not finite."""
    exponents = np.empty(x.shape[0], np.int64)
    if not _row_exponents(x.view(np.int32), LIMITS[digits], BITS[digits], exponents):
        raise not_finite()
    return exponents


def quantise_rows(x: np.ndarray, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """One block per row: float32 (rows, m) -> integers int16 (rows, m) and exponents int64 (rows,)."""
    exponents, q = row_exponents(x, digits), np.empty(x.shape, np.int16)
    _round_rows(x, exponents, q)
    return q, exponents


def round_tensor(x: np.ndarray, exponent: int) -> np.ndarray:
    """One block: float32 of any shape and its exponent -> integers int16 of that shape."""
    flat, q = x.reshape(-1), np.empty(x.shape, np.int16)
    each = part_size(flat.size, 1024, flat.size * VALUE)
    arguments = flat, np.float32(power_of_two(exponent)), q.reshape(-1)
    in_parts(_round_part, _round_part_shared, arguments, flat.size, each)
    return q


def quantise_tensor(x: np.ndarray, digits: int) -> tuple[np.ndarray, int]:
    """One block: float32 of any shape -> integers int16 of that shape and the exponent."""
    exponent = int(row_exponents(x.reshape(1, -1), digits)[0])
    return round_tensor(x, exponent), exponent


class GradientExponents(NamedTuple):
    """Exponents of a gradient, from the largest magnitudes of the whole batch."""

    block: int  # of the gradient as it is
    weighted: int  # of the gradient times 2^-(exponent of the example)
    largest: float  # magnitude of the gradient, which its column sums have a grid by
    rows: int  # terms of these sums


@njit(cache=True, nogil=True)
def _block_exponents(maxima, limit, bits):
    return (
        block_exponent(maxima[0], limit, bits, EXPONENT_LIMIT),
        block_exponent(maxima[1], limit, bits, GRADIENT_EXPONENT_LIMIT),
        maxima[0],
    )


def gradient_exponents(
    g: np.ndarray, example_exponents: np.ndarray, digits: int, reduction: Reduction = ALONE
) -> GradientExponents:
    """Exponents of a gradient float32 (N, ..., O) of N examples, whose activations have exponents int64 (N,).

    The activations' powers of two move into the gradient exactly, before it is rounded, so that the
    activations' integers serve both products. Raises InexactComputation in every process if one of them has
    a value that is not finite.
    """
    maxima = reduction.maximum(_gradient_maxima(g.reshape(g.shape[0], -1).view(np.int32), example_exponents))
    block, weighted, largest = _block_exponents(maxima, LIMITS[digits], BITS[digits])
    if not largest < np.inf:
        raise not_finite()
    rows = reduction.examples(g.shape[0]) * math.prod(g.shape[1:-1])  # integers
    return GradientExponents(block, weighted, largest, rows)


def round_weighted(g: np.ndarray, example_exponents: np.ndarray, exponent: int) -> np.ndarray:
    """The gradient operand of a weight gradient: rint(g[r] * 2^(exponent - exponent of the example of r)).

    g: float32 (rows, m), rows a multiple of the number of examples -> int16 (rows, m).
    """
    q = np.empty(g.shape, np.int16)
    rows_per_exponent = max(1, g.shape[0] // max(1, example_exponents.size))
    _round_weighted(g, example_exponents, rows_per_exponent, exponent, q)
    return q


@njit(cache=True)
def product_scales(exponents: np.ndarray, shared: int) -> np.ndarray:
    """2^-(exponent + shared), what the sums of two operands' products are scaled by: int64 (n,) -> float64 (n,)."""
    out = np.empty(exponents.size, np.float64)
    for i in range(exponents.size):
        out[i] = power_of_two(-(exponents[i] + shared))
    return out


@njit(cache=True)
def scale_sums(sums: np.ndarray, exponent: int, out: np.ndarray) -> None:
    """The last phase of a product: exact sums, float64 (m,), times 2^-exponent, rounded once, to float32 (m,)."""
    scale = power_of_two(-exponent)
    for i in range(sums.size):
        out[i] = np.float32(sums[i] * scale + 0.0)
