"""Batch normalisation over the last axis. See `mdlcodec.exact.normalisation`."""

from typing import Any

import torch

from mdlcodec.exact.device.elementary import column_sums, quotient, reciprocal, square_root
from mdlcodec.exact.normalisation import EPSILON


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
        x: torch.Tensor, gain: torch.Tensor, bias: torch.Tensor, statistics: torch.Tensor, rate: float
    ) -> tuple[torch.Tensor, Any]:
        """x float32 (..., C), gain and bias float32 (C,); statistics: float32 (2, C), moved in place."""
        rows = _rows(x)
        mean = quotient(column_sums(rows), rows.shape[0])
        d = rows - mean
        variance = quotient(column_sums(d * d), rows.shape[0])
        _move(statistics[0], mean, rate)
        _move(statistics[1], variance, rate)
        return _normalise(rows, mean, variance, gain, bias).reshape(x.shape), (x, mean, variance, gain)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """Gradients of x, gain and bias."""
        x, mean, variance, gain = saved
        slope, inverse = _rows(g), reciprocal(square_root(variance + EPSILON))
        normal = (_rows(x) - mean) * inverse
        sum_gn, sum_g = column_sums(slope * normal), column_sums(slope)
        count = slope.shape[0]
        inner = (slope - quotient(sum_g, count)) - normal * quotient(sum_gn, count)
        dx = ((gain.double() * inverse) * inner).float()
        return dx.reshape(g.shape), sum_gn.float(), sum_g.float()
