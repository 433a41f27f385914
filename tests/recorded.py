"""Exact functions as functions of torch's autograd, to compare their gradients with torch's own."""

from typing import Any

import numpy as np
import torch

from mdlcodec.exact.function import Function


def recorded(function: type[Function], *inputs: Any) -> torch.Tensor:
    """The value as a tensor that torch's autograd differentiates; arrays among the inputs are tensors."""
    value: torch.Tensor = _Recorded.apply(function, *inputs)
    return value


def _array(value: Any) -> Any:
    return np.ascontiguousarray(value.detach().numpy()) if isinstance(value, torch.Tensor) else value


class _Recorded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, *inputs):  # type: ignore[no-untyped-def,override]
        value, ctx.saved = function.forward(*(_array(value) for value in inputs))
        ctx.function, ctx.inputs = function, len(inputs)
        return torch.from_numpy(np.asarray(value))

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def,override]
        gradients = ctx.function.backward(ctx.saved, _array(gradient), ctx.needs_input_grad[1])
        found = [None if g is None else torch.from_numpy(g) for g in gradients]
        return (None, *found, *[None] * (ctx.inputs - len(found)))
