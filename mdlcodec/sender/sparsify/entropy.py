"""Training that pays for the bits of the network: the loss plus the price of writing the quantised weights.

Minimises  mean loss (nats) + exchange * (ln 2 / n) * bits(network),  which at exchange 1 is the length of the
two-part code itself (Blier & Ollivier 2018, section 3.1; Hinton & van Camp 1993): one bit of the network is worth
one bit of labels. Weights are integers times one step per tensor, the steps learned; the loss sees the rounded
weights and its gradient passes straight through the rounding, as in entropy-penalised training (Oktay et al. 2020).

A real number takes (f - y)^2 / (2 s^2) nats and a constant under a Gaussian of variance s^2, which is that of the
residuals of recent batches, a constant in the gradient. All of it is multiplied by s^2: the loss stays half the
squared error, and a bit of the network costs s^2 of its price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from typing_extensions import override

from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Parameter
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.examples import COPIES, STRENGTH, Examples
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.loop import Phase, Trainer, cooled
from mdlcodec.sender.pooled_forward import sparse_forward
from mdlcodec.sender.sparsify import quantisation, text_training
from mdlcodec.sender.sparsify.contract import Choices
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam, clear_gradients
from mdlcodec.sender.sparsify.teacher import Teacher
from mdlcodec.sender.task import Task, scaled


@dataclass(frozen=True)
class Pricing:
    """Settings; moments are fractions of all steps."""

    widths: tuple[int, ...] = ()  # of the hidden layers to begin with; none: nominal ones
    steps: int = 20_000
    rate: float = 0.01  # largest learning rate of the weights, in quantisation steps
    exchange: float = 1.0  # bits of labels that one bit of the network is worth
    batch: int = 128
    copies: int = COPIES  # moved copies of the training images
    strength: float = STRENGTH  # of their movements
    priced_from: float = 0.05  # the price grows from nothing here ...
    priced_in_full: float = 0.5  # ... to its full amount here
    quantised_from: float = 0.3  # until then the loss sees the weights before rounding
    cooling_from: float = 0.3  # the learning rate falls along a cosine from here to the end
    step_rate: float = 2e-3  # learning rate of the logarithms of the quantisation steps

    def graph(self, task: Task) -> Graph:
        """The task's network with these widths."""
        if not self.widths:
            return task.graph
        names = task.architecture.layer_names[:-1]
        widths = {name: (width,) for name, width in zip(names, self.widths, strict=True)}
        return task.graph.fitted({f"{name}.weight": width for name, width in widths.items()})


# by the architecture's name
PRICINGS = {
    "lenet5": Pricing(widths=(8, 16, 64), steps=40_000, rate=0.015, exchange=1.2),
    "lenet-300-100": Pricing(widths=(100, 40), steps=40_000, rate=0.01, exchange=0.3),
}
PRICED = 12_000  # steps that go on from a network, for 60,000 examples
_OF_TEXTS, _PRICED_OF_TEXTS = 28_000, 16_000  # of texts: without the price, and then under it
_PRICED_IN_FULL = 0.2
_WARM_UP = 300  # steps of a learning rate that rises
_REFRESHED = 50  # steps between two looks at what the weights cost
# steps between two removals of dead units: a multiple of _REFRESHED, as prices have shapes too
_SHRUNK = 1000
_BIAS_STEP = 0.2
_BIAS_PRICE = 5.0  # bits
_RECENT = 0.02  # weight of a batch in the variance of residuals
_LEAST_VARIANCE = 1e-7  # of real numbers of variance 1


def pricing_of(architecture: Architecture) -> Pricing:
    """The settings for a network."""
    return PRICINGS.get(architecture.name, Pricing())


def number_of_steps(architecture: Architecture, _choices: Choices, effort: float, n: int) -> int:
    """Steps of `sparsify` for n examples."""
    return scaled(pricing_of(architecture).steps, effort, n)


def sparsify(
    trainer: Trainer,
    choices: Choices,
    pricing: Pricing | None = None,
    trained: Tensors | None = None,
    teacher: Teacher | None = None,
) -> Tensors:
    """The trained and quantised network, without dead units: levels times a step for each tensor.

    ``pricing``: the network's by default, with the strength that was chosen as its exchange rate; ``trained``:
    tensors to go on from; ``teacher``: whose soft labels are learned. Raises InexactComputation when the
    training diverges.
    """
    task = trainer.task
    if pricing is None:
        pricing = pricing_of(task.architecture)
        if choices.strength is not None:
            pricing = replace(pricing, exchange=choices.strength)
    if trained is None and task.is_text:
        trained = text_training.trained(trainer, task.scaled(_OF_TEXTS))
        pricing = replace(settled(pricing), steps=_PRICED_OF_TEXTS)
    phase = PricedTraining(task, pricing, choices, trained, teacher)
    trainer.run(phase)
    return phase.finished()


def settled(pricing: Pricing) -> Pricing:
    """The same of training that goes on from a network."""
    return replace(pricing, steps=PRICED, priced_from=0.0, priced_in_full=_PRICED_IN_FULL, quantised_from=0.0)


class PricedTraining(Phase):
    """Weights in units of their steps, ``values``, and the logarithms of the steps.

    Running statistics, where the network keeps some, travel as bfloat16 holds them.
    """

    def __init__(
        self,
        task: Task,
        pricing: Pricing,
        choices: Choices,
        trained: Tensors | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        """``trained``: tensors to go on from, in place of random ones; inputs that no weight of theirs reads
        stay so; ``teacher``: whose soft labels are learned. Raises BadData for bits of no layer."""
        self.task, self.pricing, self.steps = task, pricing, task.scaled(pricing.steps)
        bits = choices.bits_of(task.graph.parameters(task.inputs))
        self._largest = {name: 2 ** (own - 1) - 1 for name, own in bits.items()}
        generator = torch.Generator().manual_seed(task.seed)
        batch = task.batch_of(pricing.batch)
        copies, moved = choices.copies_of(True, pricing.copies, pricing.strength)
        self._examples = Examples(task, batch, generator, copies, moved)
        if teacher is not None:
            self._examples.relabel(teacher.labels)
        names = set(task.graph.parameters(task.inputs))
        if trained is None:
            self.graph = pricing.graph(task)
            tensors, size = self.graph.tensors(task.inputs), self._examples.size()
            start = _start(tensors, names, size, self._largest, generator)
            self._read: Tensors = {}
        else:
            self.graph = task.graph.fitted({name: tuple(tensor.shape) for name, tensor in trained.items()})
            start = _start_from(trained, names, self._largest)
            self._read = {name: _read(trained[name]) for name in start[0] if trained[name].dim() > 1}
        self._values, self._steps, self._statistics = start
        self._optimiser = ShrinkingAdam()
        self._price = pricing.exchange * math.log(2) / task.n
        self._prices: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._variance = 1.0  # of real numbers around the outputs; classes have none

    @override
    def step(self, done: int) -> float:
        pricing, part = self.pricing, done / self.steps
        x, y = self._examples.next()
        values, steps = self._values, self._steps
        clear_gradients(*values.values(), *steps.values())
        hard = part >= pricing.quantised_from
        shown = {
            name: (quantisation.straight_through(v, self._largest[name]) if hard else v) * steps[name].exp()
            for name, v in values.items()
        }
        graph = self._graph_now()
        scores = sparse_forward(graph, shown | self._statistics, x)
        loss = self.task.loss_of(scores, y)
        loss.backward()
        if self.task.has_reals:
            self._variance += _RECENT * (2.0 * loss.item() - self._variance)
            self._variance = max(self._variance, _LEAST_VARIANCE)
        with torch.no_grad():
            if done % _REFRESHED == 0:
                self._prices = _prices(values, self._largest)
            ramp = (part - pricing.priced_from) / (pricing.priced_in_full - pricing.priced_from)
            price = self._price * self._variance
            _add_price(values, self._prices, price * min(max(ramp, 0.0), 1.0))
            for name, read in self._read.items():
                gradient = values[name].grad
                if gradient is not None:
                    gradient.mul_(read)
            rate = _schedule(part, done, pricing)
            update = self._optimiser.update
            update({n: t for n, t in values.items() if t.grad is not None}, rate * pricing.rate)
            # named so that they are no layer's tensors, whose state shrinks with its units
            moved = {"step " + n: t for n, t in steps.items() if hard or values[n].dim() > 1}
            update(moved, rate * pricing.step_rate)
        if (done + 1) % _SHRUNK == 0 and part > pricing.priced_in_full:
            self._remove_dead()
        return loss.item()

    def _graph_now(self) -> Graph:
        return self.graph.fitted({name: tuple(value.shape) for name, value in self._values.items()})

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """As they would be sent."""
        levels = {n: quantisation.levels(v.detach(), self._largest[n]) for n, v in self._values.items()}
        return {n: level * self._steps[n].detach().exp() for n, level in levels.items()} | self._statistics

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of the loss and of the price."""
        return {name: value.grad for name, value in self._values.items() if value.grad is not None}

    def _remove_dead(self) -> None:
        """Units that the quantised weights leave dead go."""
        graph = self._graph_now()
        values = {name: value.detach() for name, value in self._values.items()}
        units = live_units(graph, self.tensors())
        self._optimiser.shrink(partial(shrunk, graph, units=units))
        self._values, self._read = shrunk(graph, values, units), shrunk(graph, self._read, units)
        self._statistics = shrunk(graph, self._statistics, units)

    def finished(self) -> Tensors:
        """Levels times steps; steps are rounded to 8 significant bits, so that every product is short."""
        graph, tensors = self._graph_now(), {}
        for name, value in self._values.items():
            step = self._steps[name].detach().exp().bfloat16().float()
            tensors[name] = quantisation.levels(value.detach(), self._largest[name]) * step + 0.0
        for name, value in self._statistics.items():
            tensors[name] = value.bfloat16().float()
        return shrunk(graph, tensors, live_units(graph, tensors))


def _start(
    tensors: Mapping[str, Parameter],
    trained: set[str],
    size: float,
    largest: Mapping[str, int],
    generator: torch.Generator,
) -> tuple[Tensors, Tensors, Tensors]:
    """Random weights in units of the steps; the logarithms of the steps, one for each tensor; statistics.

    ``trained``: the names that are no statistics; ``size``: root mean square of the inputs.
    """
    values: Tensors = {}
    steps: Tensors = {}
    statistics: Tensors = {}
    first = True
    for name, parameter in tensors.items():
        shape = parameter.shape
        if name not in trained:
            statistics[name] = torch.full(shape, float(name.endswith("running_var")))
        elif len(shape) > 1:
            values[name] = torch.randn(shape, generator=generator) * 0.8
            steps[name] = torch.tensor(math.log(1.2 / math.sqrt(math.prod(shape[1:]))))
            if first:
                # what suits pixels from 0 to 1, a third in root mean square, suits features of any size
                steps[name] -= math.log(3 * size or 1.0)
                first = False
        elif name.endswith("weight"):  # a gain of 1
            level = min(largest[name], 5)
            values[name] = torch.full(shape, float(level))
            steps[name] = torch.tensor(-math.log(level))
        else:
            values[name] = torch.zeros(shape)
            steps[name] = torch.tensor(math.log(_BIAS_STEP))
    return values, steps, statistics


def _start_from(
    trained: Tensors, names: set[str], largest: Mapping[str, int]
) -> tuple[Tensors, Tensors, Tensors]:
    """The same of tensors that are trained: the largest weight of a tensor is its largest level."""
    statistics = {name: tensor.clone() for name, tensor in trained.items() if name not in names}
    steps = {}
    for name, tensor in trained.items():
        if name in names:
            most = float(tensor.abs().max())
            steps[name] = torch.tensor(math.log(most / largest[name] if most else _BIAS_STEP))
    return {name: trained[name] / step.exp() for name, step in steps.items()}, steps, statistics


def _read(tensor: torch.Tensor) -> torch.Tensor:
    """1 in the columns, or maps, from which a layer has a weight, else 0; of the tensor's shape."""
    read = (tensor != 0).transpose(0, 1).flatten(1).any(1).float()
    return read.reshape(1, -1, *[1] * (tensor.dim() - 2)).expand_as(tensor).contiguous()


def _prices(values: Tensors, largest: Mapping[str, int]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """What `quantisation.slopes` needs, per tensor."""
    out = {}
    for name, value in values.items():
        quantised = quantisation.levels(value, largest[name])
        if value.dim() > 1:
            significance = quantisation.significance_prices(quantised)
        else:
            significance = torch.tensor(_BIAS_PRICE)
        out[name] = significance, quantisation.level_prices(quantised, largest[name])
    return out


def _add_price(values: Tensors, prices: dict[str, tuple[torch.Tensor, torch.Tensor]], price: float) -> None:
    """Adds the gradient of the price (nats a bit) to the gradients of the loss."""
    for name, value in values.items():
        if value.grad is not None:
            value.grad += price * quantisation.slopes(value, *prices[name])


def _schedule(part: float, done: int, pricing: Pricing) -> float:
    """The learning rate as a share of its largest: warm-up, flat, cosine."""
    if part < pricing.cooling_from:
        return min(1.0, (done + 1) / _WARM_UP)
    return cooled(part, pricing.cooling_from) + 1e-3
