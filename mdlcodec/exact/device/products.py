"""Exact products of integer matrices on a device: in float64, or as base-128 digits on int8 tensor cores."""

from typing import Protocol

import torch
from typing_extensions import override

# 64 * 64 * 2^18 = 2^30: longer sums are split so that int32 never overflows
_LONGEST_SUM = 1 << 18
# cublasLt wants more than 16 rows and the other extents multiples of 8; on some GPUs only multiples of 16, with
# the second matrix transposed, work for all of them (pytorch/pytorch issues 106840 and 169956)
_FEWEST_ROWS, _MULTIPLE = 32, 16
# multiply-adds below which products of digits would take longer to start than one in float64 takes: an estimate
_WORTH_DIGITS = 1 << 22


class Products(Protocol):
    """Products of block integers; sums have at most 2^27 terms (formats/arithmetic.md, section 2)."""

    name: str
    longest_sum: int  # terms added at once

    def multiply(self, a: torch.Tensor, b: torch.Tensor, digits: tuple[int, int]) -> torch.Tensor:
        """Rows by rows: int16 (M, K) and (N, K), integers of so many digits -> their sums, float64 (M, N)."""


class Float64Products(Products):
    """Integer-valued float64 matrices, exact while every |sum| stays below 2^53."""

    name = "float64"
    longest_sum = 1 << 12  # as far as the self-test goes: any length is exact

    @override
    def multiply(self, a: torch.Tensor, b: torch.Tensor, digits: tuple[int, int]) -> torch.Tensor:
        return torch.mm(a.double(), b.double().t())  # integers


def _planes(integers: torch.Tensor, digits: int) -> list[torch.Tensor]:
    """Integers int16 as int8 digits in -64..63, the upper one first."""
    if digits == 1:
        return [integers.to(torch.int8)]
    upper = (integers + 64) >> 7
    return [upper.to(torch.int8), (integers - (upper << 7)).to(torch.int8)]


def _filled_up(x: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """x with zeros after its rows and columns: contiguous (rows, columns)."""
    more = (0, columns - x.shape[1], 0, rows - x.shape[0])
    return torch.nn.functional.pad(x, more).contiguous() if any(more) else x.contiguous()


def _up(extent: int) -> int:
    return -(-extent // _MULTIPLE) * _MULTIPLE


class Int8Products(Products):
    """Digits multiplied by ``torch._int_mm``, recombined in 64 bits; small products in float64."""

    name = "int8"
    longest_sum = _LONGEST_SUM

    def __init__(self, worth_digits: int = _WORTH_DIGITS) -> None:
        self._worth_digits, self._float64 = worth_digits, Float64Products()

    @override
    def multiply(self, a: torch.Tensor, b: torch.Tensor, digits: tuple[int, int]) -> torch.Tensor:
        (m, k), n = a.shape, b.shape[0]
        if m * n * k < self._worth_digits or not k:
            return self._float64.multiply(a, b, digits)
        total = None
        for start in range(0, k, _LONGEST_SUM):
            part = slice(start, min(k, start + _LONGEST_SUM))
            columns = _up(part.stop - start)
            left = _filled_up(a[:, part], max(_FEWEST_ROWS, _up(m)), columns)
            right = _filled_up(b[:, part], _up(n), columns)
            for i, x in enumerate(_planes(left, digits[0])):
                for j, y in enumerate(_planes(right, digits[1])):
                    shift = 7 * (digits[0] - 1 - i + digits[1] - 1 - j)
                    term = torch._int_mm(x, y.t()).to(torch.int64) << shift  # integers
                    total = term if total is None else total + term
        assert total is not None
        return total[:m, :n].double()
