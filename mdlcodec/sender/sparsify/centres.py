"""Codebooks for a pruned network, with trained centres (Zhou et al. 2018, A.1; Han et al. 2016, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from typing_extensions import override

from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.k_means import codebook
from mdlcodec.sender.loop import Phase, check_finite
from mdlcodec.sender.pooled_forward import sparse_forward
from mdlcodec.sender.sparsify.contract import Choices
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam
from mdlcodec.sender.task import Task


class CentreTraining(Phase):
    """Every tensor with at most ``2**bits`` values of its own: k-means centres trained by Adam, the zero centre
    left at zero.

    A weight keeps its centre throughout; the learning rate falls linearly from ``rate`` to zero.
    """

    what = "training centres"

    def __init__(
        self,
        task: Task,
        tensors: Tensors,
        statistics: Tensors,
        choices: Choices,
        steps: int,
        examples: Examples,
        rate: float,
    ) -> None:
        """Raises InexactComputation for weights that are not finite, BadData for bits of no layer."""
        check_finite(tensors)
        bits = choices.bits_of(tensors)
        self.task, self.steps, self._rate = task, steps, rate
        self.graph = task.graph.fitted({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        self._centres: Tensors = {}
        self._indices: Tensors = {}
        self._statistics = statistics
        for name, tensor in tensors.items():
            values, index = codebook(tensor.numpy(), bits[name])
            self._centres[name] = torch.from_numpy(values)
            self._indices[name] = torch.from_numpy(index).long()
        self._free = {name: (values != 0).float() for name, values in self._centres.items()}
        self._optimiser = ShrinkingAdam()
        self._examples = examples
        self._gradients: Tensors = {}

    @override
    def step(self, done: int) -> float:
        x, y = self._examples.next()
        leaves = {name: values.detach().requires_grad_() for name, values in self._centres.items()}
        shown = {name: (leaf * self._free[name])[self._indices[name]] for name, leaf in leaves.items()}
        scores = sparse_forward(self.graph, shown | self._statistics, x)
        loss = self.task.loss_of(scores, y)
        loss.backward()
        with torch.no_grad():
            rate = self.task.rate(self._rate, done)
            self._optimiser.update(leaves, rate * (1 - done / self.steps))
        self._centres = {name: leaf.detach() for name, leaf in leaves.items()}
        self._gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        return loss.item()

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        assigned = {name: centres[self._indices[name]] for name, centres in self._centres.items()}
        return assigned | self._statistics

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of the centres of each tensor."""
        return self._gradients
