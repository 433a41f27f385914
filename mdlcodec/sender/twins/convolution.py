"""Float form of a convolution."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import Convolution


def forward(
    node: Convolution, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) -> (N, channels, h', w')."""
    return functional.conv2d(x[0], tensors["weight"], tensors.get("bias"), node.stride, node.padding)


def sampled(
    node: Convolution,
    means: Mapping[str, torch.Tensor],
    deviations: Mapping[str, torch.Tensor],
    x: Sequence[torch.Tensor],
    generator: torch.Generator,
) -> torch.Tensor:
    """Under filters drawn from N(mean, deviation^2), once for all examples."""
    drawn = {
        name: mean + deviations[name] * torch.randn(mean.shape, generator=generator)
        for name, mean in means.items()
    }
    weight = drawn["weight"].contiguous(memory_format=torch.channels_last)
    return functional.conv2d(x[0], weight, drawn.get("bias"), node.stride, node.padding)
