"""Float form of batch normalisation."""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from mdlcodec.exact.normalisation import EPSILON
from mdlcodec.nn.nodes import Normalisation


def forward(
    node: Normalisation, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """(N, c, h, w) or (N, c); running statistics move by the node's rate in training."""
    mean, variance = tensors["running_mean"], tensors["running_var"]
    weight, bias = tensors.get("weight"), tensors["bias"]
    if not training:
        return functional.batch_norm(x[0], mean, variance, weight, bias, eps=EPSILON)
    axes = [axis for axis in range(x[0].dim()) if axis != 1]
    with torch.no_grad():
        newest = torch.var_mean(x[0], axes, correction=0)
        variance += node.rate * (newest[0] - variance)
        mean += node.rate * (newest[1] - mean)
    return functional.batch_norm(x[0], None, None, weight, bias, training=True, eps=EPSILON)
