"""DRR: a differentiable relaxation of the number of weights (Barth & von Petersenn 2025).

L + alpha * sum(1 - exp(-beta |w|)) + rho |w|^2, where alpha counts nats of all labels.
"""

from __future__ import annotations

import torch
from typing_extensions import override

from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Method

BETA, BETA_OF_TEXTS = 10.0, 5.0  # the authors' for all but transformers, and for them


class Relaxation(Method):
    """See the module."""

    strength = 1.5
    strengths = (1e-4, 1e4)
    frontier = (0.3, 30.0)

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        beta = BETA_OF_TEXTS if self.task.is_text else BETA
        for tensor in weights.values():
            if tensor.grad is not None and tensor.dim() > 1:
                slope = beta * torch.exp(-beta * tensor.abs()) * tensor.sign()
                tensor.grad += price * self.chosen * slope

    @override
    def left(self, weights: Tensors) -> Tensors:
        return weights
