"""The loop in which senders train, whatever they train: steps, checks, observers, interruption."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch

from mdlcodec.errors import InexactComputation
from mdlcodec.nn.graph import Graph
from mdlcodec.observe.contract import Moment, Observer
from mdlcodec.sender.float_network import float_forward
from mdlcodec.sender.own_state import in_own_state
from mdlcodec.sender.task import Task

_SMOOTHING = 0.01  # of the loss that is told


class Phase(ABC):
    """Something that is trained step by step; a method of training has one or several in turn."""

    what = "training"
    steps: int
    graph: Graph

    @abstractmethod
    def step(self, done: int) -> float:
        """Takes a step when ``done`` of them are taken; the loss of its batch."""

    @abstractmethod
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The network's tensors by name, as they are now."""

    @abstractmethod
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of the last batch's loss, by the names of what is trained."""

    def activations(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Each vertex' value for examples (m, c, h, w) or (m, d), by its name."""
        recorded: dict[str, torch.Tensor] = {}
        tensors = {name: tensor.detach() for name, tensor in self.tensors().items()}
        graph = self.graph.fitted({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        with torch.no_grad():
            float_forward(graph, tensors, x, record=recorded.__setitem__)
        return recorded


class Trainer:
    """A task, and who watches while it is worked on. A method of training is a function of one."""

    def __init__(self, task: Task, observers: Sequence[Observer] = ()) -> None:
        self.task, self.observers = task, tuple(observers)

    def run(self, phase: Phase) -> None:
        """All steps of a phase. Raises InexactComputation when the loss is NaN or infinite.

        Torch's own random numbers, which dropout draws, follow from the task's seed, whoever else draws some.
        Neither its state nor the processor's is what the host has set: see `mdlcodec.sender.own_state`.
        """
        in_own_state(self._steps, phase)

    def _steps(self, phase: Phase) -> None:
        recent = 0.0
        drawn = torch.Generator().manual_seed(self.task.seed).get_state()
        for done in range(phase.steps):
            with torch.random.fork_rng(devices=()):
                torch.set_rng_state(drawn)
                loss = checked_loss(phase.step(done))
                drawn = torch.get_rng_state()
            recent += (loss - recent) * (_SMOOTHING if done else 1.0)
            moment = Moment(done + 1, loss, recent, phase)
            for observer in self.observers:
                observer(moment)


def checked_loss(loss: float) -> float:
    """The loss of a batch; raises InexactComputation when it is NaN or infinite."""
    if not math.isfinite(loss):
        raise diverged()
    return loss


def check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise InexactComputation when a weight is NaN or infinite."""
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise diverged()


def diverged() -> InexactComputation:
    """The error of a training that found no finite weights."""
    return InexactComputation(
        "training diverged: the loss or a weight is NaN or infinite; choose another --seed"
    )


def cooled(part: float, start: float) -> float:
    """1 until ``start``, a part of the training, then along a cosine to 0 at its end."""
    return 0.5 * (1 + math.cos(math.pi * max(0.0, part - start) / (1 - start)))


def batches(size: int, permutation: Callable[[], np.ndarray]) -> Iterator[torch.Tensor]:
    """Endless batches (size,) of indices, int64, from one random order of the examples after another.

    ``permutation`` gives such an order, int64 (n,) with n at least 1; a batch may go on in the next one.
    """
    waiting = np.empty(0, np.int64)
    while True:
        while waiting.size < size:
            waiting = np.concatenate([waiting, permutation()])
        yield torch.from_numpy(waiting[:size])
        waiting = waiting[size:]


def shuffled_batches(n: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """The same, with orders drawn by torch."""
    return batches(size, lambda: torch.randperm(n, generator=generator).numpy())
