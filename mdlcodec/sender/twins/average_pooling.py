"""Float form: the mean of each window, or of the whole map."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import AveragePooling


def forward(
    node: AveragePooling, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) -> (N, c, h', w'), or (N, c)."""
    if node.kernel is None:
        return x[0].mean((2, 3))
    return functional.avg_pool2d(x[0], node.kernel, node.stride)
