"""Float form: ReLU."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import Rectify


def forward(
    node: Rectify, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """ReLU."""
    return functional.relu(x[0])
