"""Float form: two branches added."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Addition


def forward(
    node: Addition, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """Two branches added."""
    return x[0] + x[1]
