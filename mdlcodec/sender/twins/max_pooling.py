"""Float form: the largest of each window."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.nn.nodes import MaxPooling


def forward(
    node: MaxPooling, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """The largest of each window, or of the whole map."""
    if node.kernel is None:
        return x[0].amax((2, 3))
    return functional.max_pool2d(x[0], node.kernel, node.stride)
