"""Float form: maps become columns."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.nodes import Flatten
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST


def forward(
    node: Flatten, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) -> (N, c h w) in the node's order."""
    if node.order == CHANNELS_LAST and x[0].dim() == 4:
        return x[0].permute(0, 2, 3, 1).flatten(1)
    return x[0].flatten(1)
