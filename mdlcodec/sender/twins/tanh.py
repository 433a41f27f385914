"""Float form: the hyperbolic tangent."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Tanh


def forward(
    node: Tanh, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """The hyperbolic tangent."""
    return torch.tanh(x[0])
