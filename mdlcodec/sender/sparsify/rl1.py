"""R-L1: the sum of sizes as a penalty (Barth & von Petersenn 2025): L + alpha |w|_1 + rho |w|^2."""

from __future__ import annotations

from typing_extensions import override

from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Method


class Sizes(Method):
    """See the module; alpha counts nats of all labels."""

    strength = 6.0
    strengths = (1e-4, 1e4)
    frontier = (1.0, 60.0)

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        for tensor in weights.values():
            if tensor.grad is not None and tensor.dim() > 1:
                tensor.grad += price * self.chosen * tensor.sign()

    @override
    def left(self, weights: Tensors) -> Tensors:
        return weights
