"""What the other functions are made of (formats/arithmetic.md, sections 1 to 3)."""

from typing import Any

import numpy as np
import torch

from mdlcodec.exact.elementary import EXP_COEFFICIENTS, LN2_HIGH, LN2_LOW, LOG2_E, ROUNDING
from mdlcodec.exact.reduction import Reduction

_MAGNITUDE = 0x7FFFFFFFFFFFFFFF  # all bits of a float64 but its sign
_INFINITY = 0x7FF0000000000000


def power_of_two(exponent: torch.Tensor) -> torch.Tensor:
    """2^exponent as float64, int64 of any shape, -1022 <= exponent <= 1023."""
    return ((exponent + 1023) << 52).view(torch.float64)


def exponent_of(x: torch.Tensor) -> torch.Tensor:
    """frexp's exponent of normal float64 numbers: the f with 2^(f-1) <= x < 2^f, int64."""
    return ((x.view(torch.int64) >> 52) & 2047) - 1022


def rounded(x: torch.Tensor) -> torch.Tensor:
    """rint of float64, |x| < 2^51."""
    return (x + ROUNDING) - ROUNDING


def quotient(x: torch.Tensor, divisor: float) -> torch.Tensor:
    """x / divisor, correctly rounded."""
    return x / torch.full((), divisor, dtype=x.dtype, device=x.device)


def reciprocal(x: torch.Tensor) -> torch.Tensor:
    """1 / x, correctly rounded."""
    return torch.ones_like(x) / x


def square_root(x: torch.Tensor) -> torch.Tensor:
    """Square roots of float64, correctly rounded: CUDA's and numpy's are, torch's on a CPU is not."""
    if x.is_cuda:
        return x.sqrt()  # correctly rounded
    return torch.from_numpy(np.sqrt(x.numpy()))


def exp(x: torch.Tensor) -> torch.Tensor:
    """e^x of float64, -708 < x <= 709; see `mdlcodec.exact.elementary.exp`."""
    k = rounded(x * LOG2_E)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    s = r * EXP_COEFFICIENTS[13] + EXP_COEFFICIENTS[12]
    for coefficient in EXP_COEFFICIENTS[11::-1]:
        s = s * r + coefficient
    return s * power_of_two(k.to(torch.int64))


def tanh(x: torch.Tensor) -> torch.Tensor:
    """Hyperbolic tangents of float64; see `mdlcodec.exact.elementary.tanh`."""
    a = torch.where(x > 0.0, x, 0.0 - x)  # +0 for both zeros
    a = torch.where(a > 20.0, 20.0, a)  # from there on, the result is 1
    t = exp(a * -2.0)
    large = (1.0 - t) / (1.0 + t)
    r = a * 2.0
    s = r * EXP_COEFFICIENTS[13] + EXP_COEFFICIENTS[12]
    for coefficient in EXP_COEFFICIENTS[11:0:-1]:
        s = s * r + coefficient
    s = s * r
    y = torch.where(a > 0.17, large, s / (s + 2.0))
    return torch.where(x < 0.0, -y, y)


def largest_of(x: torch.Tensor) -> torch.Tensor:
    """The largest |x| of float64: magnitudes compare like their bits. A tensor of no axes."""
    if x.numel() == 0:
        return torch.zeros((), dtype=x.dtype, device=x.device)
    # infinite where one is no number
    return (x.view(torch.int64) & _MAGNITUDE).amax().clamp(max=_INFINITY).view(torch.float64)  # integers


def grid_exponents(largest: torch.Tensor, rows: int) -> torch.Tensor:
    """Exponents of the grids of sums over so many rows: float64 of any shape -> int64."""
    bits = 50 - max(0, rows - 1).bit_length()
    s = (bits - exponent_of(largest)).clamp(-500, 500)  # integers
    return torch.where(largest == 0.0, 0, s)


def totals(terms: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """Integers on the grid: sums over the rows of float64 (rows, m) -> float64 (m,)."""
    return rounded(terms * power_of_two(exponent)).sum(0)  # integers


def scaled(integers: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """What integers on a grid are: exact."""
    return integers * power_of_two(-exponent)


def column_sums(terms: torch.Tensor, rows: int, reduction: Reduction) -> torch.Tensor:
    """Sums over the rows of float64 (.., m) on one grid -> float64 (m,); ``rows``: of all processes. See
    `mdlcodec.exact.sums`."""
    exponent = grid_exponents(reduction.maximum(largest_of(terms).reshape(1)), rows)  # (1,)
    return scaled(reduction.total(totals(terms, exponent)), exponent)


def copied_to(device: Any, array: np.ndarray) -> torch.Tensor:
    """An array as a tensor on a device; on the CPU it may be the array's own memory."""
    contiguous = np.ascontiguousarray(array)
    if not contiguous.flags.writeable:  # torch warns of those
        contiguous = contiguous.copy()
    return torch.from_numpy(contiguous).to(device)
