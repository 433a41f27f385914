"""TAMADE: the largest threshold that the loss allows (Barth & von Petersenn 2025).

Binary search for the largest threshold of sizes, one for the whole network, under which weights become 0 while the
loss of the examples is at most (1 + delta) times what it was.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from mdlcodec.sender.float_network import Tensors

_SEARCHES = 20  # halvings of what the threshold may be


def thresholded(weights: Tensors, loss: Callable[[Tensors], float], delta: float) -> tuple[Tensors, float]:
    """The weights without small ones, and the threshold; ``loss``: of such weights. Vectors (biases, gains)
    stay."""
    allowed = (1.0 + delta) * loss(weights)
    sizes = [tensor.abs() for tensor in weights.values() if tensor.dim() > 1]
    low, high = 0.0, max(float(size.max()) for size in sizes)
    for _ in range(_SEARCHES):
        middle = (low + high) / 2
        if loss(_above(weights, middle)) <= allowed:
            low = middle
        else:
            high = middle
    return _above(weights, low), low


def _above(weights: Tensors, threshold: float) -> Tensors:
    return {
        name: torch.where(tensor.abs() < threshold, 0.0, tensor) if tensor.dim() > 1 else tensor
        for name, tensor in weights.items()
    }
