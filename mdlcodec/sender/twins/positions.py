"""Float form of a table of places."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Positions


def forward(
    node: Positions, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, T, d) -> (N, T, d)."""
    return x[0] + tensors["weight"][: x[0].shape[1]]
