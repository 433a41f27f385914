"""Pooling of images (N, H, W, C). See `mdlcodec.exact.pooling`."""

from typing import Any

import torch

from mdlcodec.exact.device.elementary import quotient


def _corners(x: torch.Tensor, height: int, width: int) -> list[torch.Tensor]:
    """The four places of each 2x2 square of x (N, H, W, C) in row order, (N, height, width, C) each: views."""
    even = x[:, : 2 * height, : 2 * width]
    return [even[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]


class MaxPool:
    """2x2 maximum, stride 2; an odd last row or column is left out."""

    @staticmethod
    def forward(x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, H // 2, W // 2, C)."""
        best, *others = _corners(x, x.shape[1] // 2, x.shape[2] // 2)
        winner = torch.zeros(best.shape, dtype=torch.int8, device=x.device)
        for place, value in enumerate(others, 1):
            # strictly greater: the first of equal values in row order wins
            greater = value > best
            best, winner = torch.where(greater, value, best), torch.where(greater, place, winner)
        return best.contiguous(), (winner, x.shape)

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The gradient goes to the winner alone."""
        winner, shape = saved
        dx = torch.zeros(shape, dtype=g.dtype, device=g.device)
        for place, corner in enumerate(_corners(dx, g.shape[1], g.shape[2])):
            corner.copy_(torch.where(winner == place, g, 0.0))
        return (dx,)


class GlobalAverage:
    """Mean over all places of each image, summed in row order in float64."""

    @staticmethod
    def forward(x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        n, height, width, channels = x.shape
        places = x.reshape(n, height * width, channels).double()
        total = torch.zeros((n, channels), dtype=torch.float64, device=x.device)
        for place in range(height * width):
            total = total + places[:, place]
        return quotient(total, height * width).float(), x.shape

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """An equal share to every place."""
        share = quotient(g.double(), saved[1] * saved[2]).float()
        return (share[:, None, None, :].expand(saved).contiguous(),)
