"""Adam (Kingma & Ba 2015) over named tensors whose state can shrink with the network."""

from collections.abc import Callable, Mapping

import torch

_FIRST, _SECOND, _EPSILON = 0.9, 0.99, 1e-8


def clear_gradients(*tensors: torch.Tensor) -> None:
    """Makes them leaves whose gradients the next backward pass begins."""
    for tensor in tensors:
        tensor.grad = None
        tensor.requires_grad_()


class ShrinkingAdam:
    """Adam with beta1 0.9 and beta2 0.99; every tensor has a state of its own, found by its name."""

    def __init__(self) -> None:
        self._first: dict[str, torch.Tensor] = {}
        self._second: dict[str, torch.Tensor] = {}
        self._updates: dict[str, int] = {}

    def update(self, tensors: Mapping[str, torch.Tensor], rate: float) -> None:
        """One update in place from ``tensor.grad``; call it without gradient recording."""
        for name, tensor in tensors.items():
            gradient = tensor.grad
            if gradient is None:
                continue
            if name not in self._first:
                self._first[name], self._second[name] = torch.zeros_like(tensor), torch.zeros_like(tensor)
            self._updates[name] = count = self._updates.get(name, 0) + 1
            first = self._first[name].mul_(_FIRST).add_(gradient, alpha=1 - _FIRST)
            second = self._second[name].mul_(_SECOND).addcmul_(gradient, gradient, value=1 - _SECOND)
            size = (second / (1 - _SECOND**count)).sqrt_().add_(_EPSILON)
            tensor.addcdiv_(first, size, value=-rate / (1 - _FIRST**count))

    def shrink(self, keep: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
        """Replaces the state by what ``keep`` leaves of it."""
        self._first, self._second = keep(self._first), keep(self._second)
