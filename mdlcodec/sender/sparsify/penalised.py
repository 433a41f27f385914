"""The one loop of all methods that train under a penalty of their own: then what went is settled, and training
goes on.

After a method's training, in this order, each where it is asked for or helps: small weights go as far as the loss
allows (TAMADE), weights that cannot act go (RGP), dead units leave, what is left is trained on under its mask, by
the labels or a teacher's soft ones, and values are quantised: codebooks with trained centres, or training under the
price of bits (`entropy`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from typing_extensions import override

from mdlcodec.errors import BadData
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.examples import STRENGTH, Examples
from mdlcodec.sender.float_network import Tensors, float_forward
from mdlcodec.sender.loop import Phase, Trainer, check_finite, cooled
from mdlcodec.sender.pooled_forward import quick_forward, with_passed_biases
from mdlcodec.sender.random_gradients import random_gradient_pruned
from mdlcodec.sender.sparsify import entropy, teacher, text_training
from mdlcodec.sender.sparsify.centres import CentreTraining
from mdlcodec.sender.sparsify.contract import Choices, Method, Sparsifier
from mdlcodec.sender.sparsify.masked import MaskedTraining
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam, clear_gradients
from mdlcodec.sender.sparsify.tamade import thresholded
from mdlcodec.sender.task import Task, scaled


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; steps for 60,000 examples."""

    steps: int = 24_000
    masked: int = 8_000
    centres: int = 2_000
    batch: int = 128
    rate: float = 1e-3
    cooling_from: float = 0.5  # the rate falls along a cosine from here ...
    coolest: float = 0.02  # ... to this share of it
    masked_rate: float = 1e-3
    ramp: float = 0.1  # of the training, over which the penalty grows to all of it
    begun: int = 0  # steps before the method's, without its penalty


SCHEDULE = Schedule()
_OF_TEXTS = Schedule(begun=16_000, steps=12_000, masked=4_000)
_RECENT, _LEAST_VARIANCE = 0.02, 1e-7  # of the residuals of real numbers of variance 1: see `entropy`


def number_of_steps(
    method: type[Method], _architecture: Architecture, choices: Choices, effort: float, n: int
) -> int:
    """Steps of `sparsify` for n examples of classes."""
    taught = teacher.STEPS if _chosen(choices.teacher, method.taught) else 0
    last = entropy.PRICED if _chosen(choices.priced, method.priced) else SCHEDULE.centres
    phases = (SCHEDULE.steps, taught, method.longer * SCHEDULE.masked, last)
    return sum(scaled(steps, effort, n) for steps in phases if steps)


def penalised(method: type[Method]) -> Sparsifier:
    """The way of training of a method."""

    def train(trainer: Trainer, choices: Choices) -> Tensors:
        return sparsify(trainer, choices, method)

    return Sparsifier(
        train,
        partial(number_of_steps, method),
        method.strengths,
        method.frontier,
        method.takes,
        method.of_share,
        method.of_texts,
    )


def schedule_of(task: Task) -> Schedule:
    """The settings for a task."""
    return _OF_TEXTS if task.is_text else SCHEDULE


class Penalised(Phase):
    """Training under a method's penalty."""

    what = "training under a penalty"

    def __init__(
        self,
        task: Task,
        choices: Choices,
        method: type[Method],
        generator: torch.Generator,
        begun: Tensors | None = None,
    ) -> None:
        """``begun``: a network to go on from, in place of a random one."""
        self.task, self.graph, self.steps = task, task.graph, task.scaled(schedule_of(task).steps)
        drawn = task.initial(self.graph, generator) if begun is None else begun
        self.weights = {name: drawn[name] for name in self.graph.parameters(task.inputs)}
        self.statistics = {name: tensor for name, tensor in drawn.items() if name not in self.weights}
        self.method = method(task, self.graph, choices, self.steps, generator)
        self._copies = [
            choices.copies_of(afterwards, method.copies, STRENGTH) for afterwards in (False, True)
        ]
        self._generator = generator
        self.examples = self._examples(*self._copies[0])
        self._rho = choices.rho or 0.0
        self._optimiser = ShrinkingAdam()
        self._variance = 1.0

    def _examples(self, copies: int, moved: float) -> Examples:
        return Examples(self.task, self.task.batch_of(SCHEDULE.batch), self._generator, copies, moved)

    def move_afresh(self) -> None:
        """Other copies of the images, if a sender wants others when weights have left."""
        first, then = self._copies
        if then != first:
            self.examples = self._examples(*then)

    @override
    def step(self, done: int) -> float:
        x, y = self.examples.next()
        method, weights, extra, part = self.method, self.weights, self.method.extra(), done / self.steps
        clear_gradients(*weights.values(), *(tensor for tensor, _ in extra.values()))
        shown = method.shown(weights) | self.statistics
        loss = self.task.loss_of(quick_forward(self.graph, shown, x, method.entering), y)
        loss.backward()
        if self.task.has_reals:
            self._variance += _RECENT * (2.0 * loss.item() - self._variance)
            self._variance = max(self._variance, _LEAST_VARIANCE)
        rate = self.task.rate(SCHEDULE.rate, done) * (
            SCHEDULE.coolest + (1 - SCHEDULE.coolest) * cooled(part, SCHEDULE.cooling_from)
        )
        with torch.no_grad():
            price = self._variance * min(1.0, part / SCHEDULE.ramp) / self.task.n
            method.penalise(weights, part, price)
            for tensor in weights.values():
                if self._rho and tensor.grad is not None and tensor.dim() > 1:
                    tensor.grad += 2.0 * price * self._rho * tensor
            self._optimiser.update(weights, rate)
            for name, (tensor, share) in extra.items():
                self._optimiser.update({name: tensor}, rate * share)
            method.moved(weights, self.statistics, done)
        return loss.item()

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        with torch.no_grad():
            return self.method.left({n: t.detach() for n, t in self.weights.items()}) | self.statistics

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        return {name: tensor.grad for name, tensor in self.weights.items() if tensor.grad is not None}


def _chosen(choice: bool | None, own: bool) -> bool:
    """What a sender chooses, else a method's own."""
    return own if choice is None else choice


def _tolerance(method: type[Method], task: Task) -> float:
    """Of TAMADE: the task's own, if the method has any."""
    return task.tolerance if method.tamade and task.tolerance is not None else method.tamade


def _is_taught(method: type[Method], choices: Choices, task: Task) -> bool:
    """Whether a teacher's soft labels are learned in the end. Raises BadData where there can be none."""
    can = not (task.is_text or task.has_reals)
    if choices.teacher and not can:
        raise BadData("a teacher gives soft labels of classes, and there are none; leave --teacher out")
    return can and _chosen(choices.teacher, method.taught)


def sparsify(trainer: Trainer, choices: Choices, method: type[Method]) -> Tensors:
    """The sparse and quantised network, without dead units. Raises InexactComputation when training diverges,
    BadData for choices that this network does not take."""
    task = trainer.task
    generator = torch.Generator().manual_seed(task.seed)
    schedule, taught = schedule_of(task), _is_taught(method, choices, task)
    begun = text_training.trained(trainer, task.scaled(schedule.begun)) if task.is_text else None
    phase = Penalised(task, choices, method, generator, begun)
    trainer.run(phase)
    tensors = dict(phase.tensors())
    check_finite(tensors)
    statistics = phase.statistics
    weights = {name: tensor for name, tensor in tensors.items() if name not in statistics}
    delta = _tolerance(method, task) if choices.tamade is None else choices.tamade
    if delta:

        def loss(weights: Tensors) -> float:
            shown = weights | statistics
            return task.mean_loss(lambda x: float_forward(phase.graph, shown, x))

        weights, _ = thresholded(weights, loss, delta)
    if _chosen(choices.rgp, method.rgp):
        tensors, _ = random_gradient_pruned(phase.graph, weights | statistics, task.noise)
        weights = {name: tensors[name] for name in weights}
    units = live_units(phase.graph, weights | statistics)
    weights, statistics = shrunk(phase.graph, weights, units), shrunk(phase.graph, statistics, units)
    graph = phase.graph.fitted({name: tuple(t.shape) for name, t in weights.items()})
    own_teacher = teacher.trained_teacher(trainer, phase.examples) if taught else None
    phase.move_afresh()
    if own_teacher is not None:
        phase.examples.relabel(own_teacher.labels)
    masked = MaskedTraining(
        task,
        graph,
        weights,
        statistics,
        phase.examples,
        task.scaled(method.longer * schedule.masked),
        method.longer * schedule.masked_rate,
    )
    trainer.run(masked)
    # what comes next trains no biases of convolutions
    trained = with_passed_biases(graph, masked.tensors())
    check_finite(trained)
    if _chosen(choices.priced, method.priced):
        pricing = entropy.settled(entropy.pricing_of(task.architecture))
        if method.exchange is not None:
            pricing = replace(pricing, exchange=method.exchange)
        return entropy.sparsify(trainer, choices, pricing, trained, own_teacher)
    centres = CentreTraining(
        task,
        {name: trained[name] for name in weights},
        masked.statistics,
        choices,
        task.scaled(SCHEDULE.centres),
        phase.examples,
        SCHEDULE.rate,
    )
    trainer.run(centres)
    sparse = dict(centres.tensors())
    return shrunk(centres.graph, sparse, live_units(centres.graph, sparse))
