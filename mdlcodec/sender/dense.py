"""Training of a network as it is, in torch's float32, for a sender that transmits every weight.

No receiver repeats this. The mean loss of the labels to be coded is minimised, and nothing else: what they
cost under the network is all that its weights, whose length is fixed, can save.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from typing_extensions import override

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.random import Stream
from mdlcodec.sender.float_network import Tensors, float_forward, initial_tensors
from mdlcodec.sender.loop import Phase, Trainer, batches, check_finite
from mdlcodec.sender.task import Task

BATCH = 128
_RATE = 1e-3
_EPOCHS, _FEWEST_STEPS = 20, 400  # of the full training


def number_of_steps(n: int, effort: float) -> int:
    """Steps of `dense_network` for n examples."""
    full = max(_FEWEST_STEPS, _EPOCHS * -(-n // BATCH))
    return max(1, int(full * effort))


class DenseTraining(Phase):
    """Adam at a rate that falls linearly to 0."""

    def __init__(self, task: Task) -> None:
        self.task, self.graph, self.steps = task, task.graph, number_of_steps(task.n, task.effort)
        initial, order = Stream(task.seed, Purpose.INITIAL), Stream(task.seed, Purpose.BATCHES)
        self._tensors = initial_tensors(
            self.graph, task.inputs, lambda shape: torch.from_numpy(initial.normals(shape))
        )
        self._trained = {
            name: self._tensors[name].requires_grad_() for name in self.graph.parameters(task.inputs)
        }
        self._optimiser = torch.optim.Adam(list(self._trained.values()), lr=_RATE)
        self._batches = batches(min(BATCH, task.n), lambda: order.permutation(task.n))

    @override
    def step(self, done: int) -> float:
        rows = next(self._batches)
        scores = float_forward(self.graph, self._tensors, self.task.x[rows], training=True)
        loss = self.task.loss(scores, rows)
        self._optimiser.param_groups[0]["lr"] = _RATE * (1.0 - done / self.steps)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return loss.item()

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        return self._tensors

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.grad for name, tensor in self._trained.items() if tensor.grad is not None}


def dense_network(trainer: Trainer) -> Tensors:
    """The network of nominal widths, float32 tensors by name. Raises InexactComputation when training diverges."""
    phase = DenseTraining(trainer.task)
    trainer.run(phase)
    trained = {name: tensor.detach() for name, tensor in phase.tensors().items()}
    check_finite(trained)
    return trained
