"""Float form of dropout."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import Dropout
from mdlcodec.nn.nodes.dropout import ALL


def forward(
    node: Dropout, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """Any shape; torch's own random numbers decide."""
    return functional.dropout(x[0], 1 - node.keep / ALL, training)
