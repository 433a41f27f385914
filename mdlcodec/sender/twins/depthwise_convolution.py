"""Float form of a convolution of each channel by itself."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import DepthwiseConvolution


def forward(
    node: DepthwiseConvolution, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) -> (N, c, h', w')."""
    weight = tensors["weight"]
    return functional.conv2d(x[0], weight, tensors.get("bias"), node.stride, node.padding, groups=len(weight))


def sampled(
    node: DepthwiseConvolution,
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
    return forward(node, drawn, x, training=True)
