"""Training on without a penalty, where what went stays away."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from typing_extensions import override

from mdlcodec.nn.graph import Graph
from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.loop import Phase, cooled
from mdlcodec.sender.pooled_forward import quick_forward
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam, clear_gradients
from mdlcodec.sender.task import Task


class MaskedTraining(Phase):
    """Adam at a rate that falls along a cosine; matrices and kernels keep their zeros."""

    what = "training what is left"

    def __init__(
        self,
        task: Task,
        graph: Graph,
        weights: Tensors,
        statistics: Tensors,
        examples: Examples,
        steps: int,
        rate: float,
    ) -> None:
        self.task, self.graph, self.steps, self._rate = task, graph, steps, rate
        self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        self.statistics, self._examples = statistics, examples
        self._masks = {name: (t != 0).float() for name, t in self.weights.items() if t.dim() > 1}
        self._optimiser = ShrinkingAdam()

    @override
    def step(self, done: int) -> float:
        x, y = self._examples.next()
        clear_gradients(*self.weights.values())
        loss = self.task.loss_of(quick_forward(self.graph, self.weights | self.statistics, x), y)
        loss.backward()
        with torch.no_grad():
            for name, mask in self._masks.items():
                gradient = self.weights[name].grad
                if gradient is not None:
                    gradient.mul_(mask)
            rate = self.task.rate(self._rate, done) * cooled(done / self.steps, 0.0)
            self._optimiser.update(self.weights, rate)
        return loss.item()

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.detach() for name, tensor in self.weights.items()} | self.statistics

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.grad for name, tensor in self.weights.items() if tensor.grad is not None}
