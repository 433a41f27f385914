"""Training a network over bytes before anything of it goes: what methods that make it small go on from.

Matrices within blocks move by Muon (Jordan et al. 2024), each by as much as Adam would move it (Liu et al. 2025,
"Muon is scalable for LLM training"), all else by Adam. With 1,400 steps on a megabyte `transformer-small` comes to
2.32 bits a byte, and to 2.46 by Adam alone at the best of three rates.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from typing_extensions import override

from mdlcodec.nn.nodes import Linear
from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import Tensors, float_forward
from mdlcodec.sender.loop import Phase, Trainer, check_finite, cooled
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam, clear_gradients
from mdlcodec.sender.task import Task

_BATCH = 128  # examples, eight of which are a window
_ADAM_RATE, _MUON_RATE = 1e-3, 0.01
_WARM = 100  # steps in which Muon's rate rises
_COOLING_FROM, _COOLEST = 0.3, 0.02  # of the training, and of the rate
_MOMENTUM, _ITERATIONS = 0.95, 5
# the quintic iteration whose slope at 0 is largest
_FIRST, _THIRD, _FIFTH = 3.4445, -4.7750, 2.0315
_AS_ADAM = 0.2  # root mean square of what Adam moves weights by, in rates


class TextTraining(Phase):
    """See the module."""

    def __init__(self, task: Task, steps: int) -> None:
        self.task, self.graph, self.steps = task, task.graph, steps
        generator = torch.Generator().manual_seed(task.seed)
        self.weights = task.initial(task.graph, generator)
        self._examples = Examples(task, task.batch_of(_BATCH), generator, copies=0)
        hidden = [v.name for v in task.graph.vertices[:-1] if isinstance(v.node, Linear)]
        self._momenta = {
            f"{name}.weight": torch.zeros_like(self.weights[f"{name}.weight"]) for name in hidden
        }
        self._adam = ShrinkingAdam()

    @override
    def step(self, done: int) -> float:
        x, y = self._examples.next()
        clear_gradients(*self.weights.values())
        loss = self.task.loss_of(float_forward(self.graph, self.weights, x, training=True), y)
        loss.backward()
        share = _COOLEST + (1 - _COOLEST) * cooled(done / self.steps, _COOLING_FROM)
        with torch.no_grad():
            others = {name: tensor for name, tensor in self.weights.items() if name not in self._momenta}
            self._adam.update(others, share * self.task.rate(_ADAM_RATE, done))
            for name in self._momenta:
                self._move(name, share * _MUON_RATE * min(1.0, (done + 1) / _WARM))
        return loss.item()

    def _move(self, name: str, rate: float) -> None:
        weight, momentum = self.weights[name], self._momenta[name]
        assert weight.grad is not None
        momentum.mul_(_MOMENTUM).add_(weight.grad)
        update = orthogonal(weight.grad + _MOMENTUM * momentum)
        weight.add_(update, alpha=-rate * _AS_ADAM * max(update.shape) ** 0.5)

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.detach() for name, tensor in self.weights.items()}

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.grad for name, tensor in self.weights.items() if tensor.grad is not None}


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Nearly the orthogonal matrix nearest to one, float32 (rows, columns)."""
    x = matrix / (matrix.norm() + 1e-7)
    if len(x) > x.shape[1]:
        return orthogonal(matrix.T).T
    for _ in range(_ITERATIONS):
        squared = x @ x.T
        x = _FIRST * x + (_THIRD * squared + _FIFTH * squared @ squared) @ x
    return x


def trained(trainer: Trainer, steps: int) -> Tensors:
    """The task's network, trained for so many steps. Raises InexactComputation when training diverges."""
    phase = TextTraining(trainer.task, steps)
    trainer.run(phase)
    tensors = dict(phase.tensors())
    check_finite(tensors)
    return tensors
