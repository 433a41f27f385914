"""Batch normalisation over the last axis. See `mdlcodec.exact.normalisation`."""

import math
from typing import Any

import torch

from mdlcodec.exact.device.elementary import (
    column_sums,
    grid_exponents,
    largest_of,
    quotient,
    reciprocal,
    scaled,
    square_root,
    totals,
)
from mdlcodec.exact.normalisation import EPSILON
from mdlcodec.exact.reduction import ALONE, Reduction


def _rows(x: torch.Tensor) -> torch.Tensor:
    """float32 (..., C) -> float64 (rows, C)."""
    return x.reshape(-1, x.shape[-1]).double()


def _normalise(
    x: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """(x - mean) * (gain / sqrt(variance + EPSILON)) + bias, float64 (rows, C) -> float32."""
    factor = gain.double() / square_root(variance + EPSILON)
    return ((x - mean) * factor + bias.double()).float()


def _move(old: torch.Tensor, new: torch.Tensor, rate: float) -> None:
    """Move a running statistic, float32 (C,), towards a batch's, float64 (C,), in place."""
    before = old.double()
    old.copy_((before + (new - before) * rate).float())


def normalised(
    x: torch.Tensor, statistics: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Prediction by running statistics, float32 (2, C); x float32 (..., C) -> the same shape."""
    mean, variance = statistics[0].double(), statistics[1].double()
    return _normalise(_rows(x), mean, variance, gain, bias).reshape(x.shape)


class BatchNormalisation:
    """Normalises each channel by its mean and variance over all other axes of the batch."""

    @staticmethod
    def forward(
        x: torch.Tensor,
        gain: torch.Tensor,
        bias: torch.Tensor,
        statistics: torch.Tensor,
        rate: float,
        reduction: Reduction = ALONE,
    ) -> tuple[torch.Tensor, Any]:
        """x float32 (N, ..., C), gain and bias float32 (C,); statistics: float32 (2, C), moved in place."""
        rows, count = _rows(x), reduction.examples(x.shape[0]) * math.prod(x.shape[1:-1])  # integers
        mean = quotient(column_sums(rows, count, reduction), count)
        d = rows - mean
        variance = quotient(column_sums(d * d, count, reduction), count)
        _move(statistics[0], mean, rate)
        _move(statistics[1], variance, rate)
        y = _normalise(rows, mean, variance, gain, bias).reshape(x.shape)
        return y, (x, mean, variance, gain, count, reduction)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """Gradients of x, gain and bias."""
        x, mean, variance, gain, count, reduction = saved
        slope, inverse = _rows(g), reciprocal(square_root(variance + EPSILON))
        normal = (_rows(x) - mean) * inverse
        terms = slope * normal
        largest = reduction.maximum(torch.stack((largest_of(slope), largest_of(terms))))
        exponents = grid_exponents(largest, count)[:, None]  # (2, 1)
        sums = torch.stack((totals(slope, exponents[0]), totals(terms, exponents[1])))
        sums = scaled(reduction.total(sums), exponents)
        sum_g, sum_gn = sums[0], sums[1]
        inner = (slope - quotient(sum_g, count)) - normal * quotient(sum_gn, count)
        dx = ((gain.double() * inverse) * inner).float()
        return dx.reshape(g.shape), sum_gn.float(), sum_g.float()
