"""Float form of a fully connected layer."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import Linear

_LEAST_SPREAD = 1e-10  # added to the variance of outputs: its root has a finite slope


def forward(
    node: Linear, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, d) -> (N, width)."""
    return functional.linear(x[0], tensors["weight"], tensors.get("bias"))


def sampled(
    node: Linear,
    means: Mapping[str, torch.Tensor],
    deviations: Mapping[str, torch.Tensor],
    x: Sequence[torch.Tensor],
    generator: torch.Generator,
) -> torch.Tensor:
    """Its outputs under weights N(mean, deviation^2): they are sampled (local reparametrisation, Kingma et al.
    2015), anew for each example."""
    output = functional.linear(x[0], means["weight"], means["bias"])
    variance = functional.linear(x[0] * x[0], deviations["weight"] ** 2, deviations["bias"] ** 2)
    noise = torch.randn(output.shape, generator=generator)
    return output + (variance + _LEAST_SPREAD).sqrt() * noise
