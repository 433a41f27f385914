"""Soft labels of a dense network, which what is left after a method learns in place of the labels (Hinton, Vinyals
& Dean 2015, "Distilling the knowledge in a neural network").

The teacher is the task's network at its full widths, trained without a penalty on the same examples. A soft label
is nearly all the teacher's chances at a higher temperature, and the label itself for the rest.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import Tensors, float_forward
from mdlcodec.sender.loop import Trainer, check_finite
from mdlcodec.sender.sparsify.masked import MaskedTraining
from mdlcodec.sender.task import Task

STEPS = 8_000  # of its training, for 60,000 examples
_RATE = 2e-3
_TEMPERATURE, _SHARE = 2.0, 0.9


class TeacherTraining(MaskedTraining):
    """Of a dense network: nothing has gone."""

    what = "training a teacher"


class Teacher:
    """A trained network and its soft labels."""

    def __init__(self, task: Task, tensors: Tensors) -> None:
        self._task, self._tensors = task, tensors

    @torch.no_grad()
    def labels(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Soft labels, chances float32 (m, k), of examples (m, ..) and their classes (m,)."""
        scores = float_forward(self._task.graph, self._tensors, x)
        chances = (scores / _TEMPERATURE).softmax(1)
        return _SHARE * chances + (1 - _SHARE) * functional.one_hot(y, chances.shape[1])


def trained_teacher(trainer: Trainer, examples: Examples) -> Teacher:
    """A teacher of the task's classes. Raises InexactComputation when its training diverges."""
    task = trainer.task
    drawn = task.initial(task.graph, torch.Generator().manual_seed(task.seed))
    weights = {name: drawn[name] for name in task.graph.parameters(task.inputs)}
    statistics = {name: tensor for name, tensor in drawn.items() if name not in weights}
    phase = TeacherTraining(task, task.graph, weights, statistics, examples, task.scaled(STEPS), _RATE)
    trainer.run(phase)
    tensors = dict(phase.tensors())
    check_finite(tensors)
    return Teacher(task, tensors)
