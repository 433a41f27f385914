"""Float form: GELU, which is float32 in its exact form too."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mdlcodec.exact.gelu import Gelu as Exact
from mdlcodec.nn.nodes import Gelu


class _Gelu(torch.autograd.Function):
    """The exact function, whose loops take a sixth of the time that its polynomial takes torch."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        y, ctx.saved = Exact.forward(x.detach().contiguous().numpy())
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:  # type: ignore[override]  # one gradient
        """Of the same shape."""
        dx, *_ = Exact.backward(ctx.saved, g.contiguous().numpy(), True)
        return torch.from_numpy(dx)


def forward(
    node: Gelu, tensors: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor], training: bool
) -> torch.Tensor:
    """x (1/2 + t p(t^2)), t = x within the limit."""
    value: torch.Tensor = _Gelu.apply(x[0])
    return value
