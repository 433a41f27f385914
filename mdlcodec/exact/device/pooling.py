"""Pooling of images (N, H, W, C). See `mdlcodec.exact.pooling`."""

from typing import Any

import torch

from mdlcodec.exact.device.elementary import quotient
from mdlcodec.exact.pooling import windows


def _seen(x: torch.Tensor, size: tuple[int, int], kernel: tuple[int, int], stride: int) -> list[torch.Tensor]:
    """What every place of a window sees, in row order: views (N, height, width, C) of x (N, H, W, C)."""
    if 0 in size:
        return []
    ends = stride * (size[0] - 1) + 1, stride * (size[1] - 1) + 1
    return [
        x[:, row : row + ends[0] : stride, column : column + ends[1] : stride]
        for row in range(kernel[0])
        for column in range(kernel[1])
    ]


def _added_over_windows(
    shape: tuple[int, ...], kernel: tuple[int, int], stride: int, parts: list[torch.Tensor]
) -> torch.Tensor:
    """Float64 of that shape: to each place what windows give it, parts in row order of a window's places.

    A later place of a window belongs to an earlier window, so that going backwards adds windows in row order.
    """
    total = torch.zeros(shape, dtype=torch.float64, device=parts[0].device)
    size = parts[0].shape[1], parts[0].shape[2]
    for view, part in zip(reversed(_seen(total, size, kernel, stride)), reversed(parts), strict=True):
        view.copy_(view + part)
    return total


class MaxPool:
    """The largest of every window, its first place in row order among equals; 2x2 with stride 2 by default."""

    @staticmethod
    def forward(x: torch.Tensor, kernel: int = 2, stride: int = 2) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, (H - kernel) div stride + 1, (W - kernel) div stride + 1, C)."""
        size = windows(tuple(x.shape), kernel, stride)
        if 0 in size:
            empty = torch.zeros((len(x), *size, x.shape[3]), dtype=x.dtype, device=x.device)
            return empty, (empty, x.shape, kernel, stride)
        best, *others = _seen(x, size, (kernel, kernel), stride)
        winner = torch.zeros(best.shape, dtype=torch.int32, device=x.device)
        for place, value in enumerate(others, 1):
            # strictly greater: the first of equal values in row order wins
            greater = value > best
            best, winner = torch.where(greater, value, best), torch.where(greater, place, winner)
        return best.contiguous(), (winner, x.shape, kernel, stride)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The gradient goes to the winner alone; see `mdlcodec.exact.pooling`."""
        winner, shape, kernel, stride = saved
        if g.numel() and stride < kernel:
            slope = g.double()
            parts = [torch.where(winner == place, slope, 0.0) for place in range(kernel * kernel)]
            return (_added_over_windows(shape, (kernel, kernel), stride, parts).float(),)
        dx = torch.zeros(shape, dtype=g.dtype, device=g.device)
        size = g.shape[1], g.shape[2]
        for place, view in enumerate(_seen(dx, size, (kernel, kernel), stride)):
            view.copy_(torch.where(winner == place, g, 0.0))
        return (dx,)


def _average(x: torch.Tensor, size: tuple[int, int], kernel: tuple[int, int], stride: int) -> torch.Tensor:
    """Means of windows: float32 (N, height, width, C)."""
    total = torch.zeros((len(x), *size, x.shape[3]), dtype=torch.float64, device=x.device)
    for view in _seen(x.double(), size, kernel, stride):
        total = total + view
    return quotient(total, kernel[0] * kernel[1]).float()


class GlobalMaximum:
    """The largest of each image's places, the first in row order among equals."""

    @staticmethod
    def forward(x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        places = x.reshape(x.shape[0], -1, x.shape[3])  # (N, H * W, C)
        y, winner = places[:, 0].clone(), torch.zeros(places[:, 0].shape, dtype=torch.int64, device=x.device)
        for place in range(1, places.shape[1]):
            larger = places[:, place] > y
            y = torch.where(larger, places[:, place], y)
            winner = torch.where(larger, place, winner)
        return y, (winner, x.shape)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The gradient goes to the winner alone."""
        winner, shape = saved
        dx = torch.zeros((shape[0], shape[1] * shape[2], shape[3]), dtype=g.dtype, device=g.device)
        for place in range(dx.shape[1]):
            dx[:, place].copy_(torch.where(winner == place, g, 0.0))
        return (dx.reshape(shape),)


class AveragePool:
    """The mean of every window, added in row order in float64, divided and rounded once."""

    @staticmethod
    def forward(x: torch.Tensor, kernel: int, stride: int) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, (H - kernel) div stride + 1, (W - kernel) div stride + 1, C)."""
        size = windows(tuple(x.shape), kernel, stride)
        return _average(x, size, (kernel, kernel), stride), (x.shape, kernel, stride)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """An equal share of every window's gradient to each of its places; see `mdlcodec.exact.pooling`."""
        shape, kernel, stride = saved
        height, width = g.shape[1], g.shape[2]
        if g.numel() and stride < kernel:
            parts = [g.double()] * (kernel * kernel)
            total = _added_over_windows(shape, (kernel, kernel), stride, parts)
            return (quotient(total, kernel * kernel).float(),)
        dx = torch.zeros(shape, dtype=g.dtype, device=g.device)
        share = quotient(g.double(), kernel * kernel).float()
        for view in _seen(dx, (height, width), (kernel, kernel), stride):
            view.copy_(share)
        return (dx,)


class GlobalAverage:
    """Mean over all places of each image, summed in row order in float64."""

    @staticmethod
    def forward(x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        n, height, width, channels = x.shape
        return _average(x, (1, 1), (height, width), 1).reshape(n, channels), x.shape

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """An equal share to every place."""
        share = quotient(g.double(), saved[1] * saved[2]).float()
        return (share[:, None, None, :].expand(saved).contiguous(),)


class Subsample:
    """Every ``stride``-th place, with channels of zeros on either side; see `mdlcodec.exact.pooling`."""

    @staticmethod
    def forward(x: torch.Tensor, stride: int, before: int, after: int) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), before + C + after)."""
        kept = x[:, ::stride, ::stride]
        y = torch.zeros((*kept.shape[:3], before + x.shape[3] + after), dtype=x.dtype, device=x.device)
        y[..., before : before + x.shape[3]].copy_(kept)
        return y, (x.shape, stride, before)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """Zero at the places that were left out."""
        shape, stride, before = saved
        dx = torch.zeros(shape, dtype=g.dtype, device=g.device)
        dx[:, ::stride, ::stride].copy_(g[..., before : before + shape[3]])
        return (dx,)
