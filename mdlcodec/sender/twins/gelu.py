"""Float form: GELU by the polynomial of its exact form."""

from collections.abc import Mapping, Sequence

import torch

from mdlcodec.exact.gelu import COEFFICIENTS, LIMIT
from mdlcodec.nn.nodes import Gelu


def forward(
    node: Gelu, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """x (1/2 + t p(t^2)), t = x within the limit."""
    t = x[0].clamp(-float(LIMIT), float(LIMIT))
    squares = t * t
    p = torch.zeros_like(t)
    for coefficient in reversed(COEFFICIENTS):
        p = p * squares + float(coefficient)
    return x[0] * (0.5 + t * p)
