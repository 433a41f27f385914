"""Float form of layer normalisation."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.exact.layer_normalisation import EPSILON
from mdlcodec.nn.nodes import LayerNormalisation


def forward(
    node: LayerNormalisation, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, T, d) -> (N, T, d)."""
    return functional.layer_norm(x[0], x[0].shape[-1:], tensors["weight"], tensors["bias"], EPSILON)
