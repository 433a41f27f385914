"""Float form of an embedding."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Embedding


def forward(
    node: Embedding, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """Whole numbers (N, T) -> (N, T, width)."""
    return tensors["weight"][x[0].long()]
