"""Pruning by Dynamic Network Surgery (Guo, Yao & Chen 2016), then codebooks: Zhou et al. 2018, appendix A.1.

Three parts: a dense baseline by SGD with momentum and an inverse-time learning rate; surgery, with Adam on the
shadow weights; codebooks with trained centres. The schedules are of A.1's kind, in fewer and smaller steps than its
51,000 of 1,024 examples; what A.1 leaves open (the decay, the stages, Adam's rate) is chosen here, and the weight
decay is a tenth of A.1's. Added to A.1: no tensor falls below a smallest share of weights (mean + 4 standard
deviations is beyond the largest weight of a small layer), and units that died leave between
stages, which saves time; neither as published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from typing_extensions import override

from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.efforts import BATCH
from mdlcodec.sender.examples import Examples
from mdlcodec.sender.float_network import Tensors, initial_tensors
from mdlcodec.sender.loop import Phase, Trainer, shuffled_batches
from mdlcodec.sender.pooled_forward import rounded_batch, sparse_forward
from mdlcodec.sender.sparsify.centres import CentreTraining
from mdlcodec.sender.sparsify.contract import Choices
from mdlcodec.sender.sparsify.shrinking_adam import ShrinkingAdam
from mdlcodec.sender.task import Task, scaled


@dataclass(frozen=True)
class Surgery:
    """Settings of the three parts."""

    lengths: tuple[int, int, int] = (4000, 12000, 1000)  # steps of the parts
    batch: int = 128
    rate: float = 0.01  # SGD's first learning rate ...
    decay: float = 0.05  # ... divided by 1 + decay * (steps // 125)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    adam_rate: float = 1e-3  # in the second half of the surgery, and with the centres, falling to 0
    # c of the threshold mean + c * std, by stage
    multiples: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    rising: float = 0.6  # the last multiple holds from this share of the surgery on
    probabilities: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)  # of updating the masks in a step, by quarter
    hysteresis: float = 0.1  # weights between 1 - h and 1 + h thresholds keep their mask
    least: float = 0.02  # share of a tensor's weights that stays
    decays_throughout: bool = False  # whether the second part has the weight decay, of weights that went too
    shrinks: bool = True  # whether units that died leave between stages


SURGERY = Surgery()
# A.1: 51,000 steps of 1,024 examples, its penalty throughout, and no share of a tensor that stays. All of a tensor
# counts for its mean and deviation to the end, and what went decays: else hardly a weight lies beyond 4 deviations.
PUBLISHED = Surgery(
    lengths=(20_000, 30_000, 1000),
    batch=1024,
    weight_decay=5e-3,
    rising=2 / 3,
    least=0.0,
    decays_throughout=True,
    shrinks=False,
)


def number_of_steps(_architecture: Architecture, choices: Choices, effort: float, n: int) -> int:
    """Steps of BATCH examples that `sparsify` takes for n examples."""
    surgery = PUBLISHED if choices.as_published else SURGERY
    return sum(scaled(length, effort, n) for length in surgery.lengths) * surgery.batch // BATCH


def sparsify(trainer: Trainer, choices: Choices, surgery: Surgery | None = None) -> Tensors:
    """The pruned and quantised network, without dead units; the strength is the last multiple of the thresholds.
    Raises InexactComputation when training diverges."""
    task = trainer.task
    if surgery is None:
        surgery = PUBLISHED if choices.as_published else SURGERY
    if choices.strength is not None:
        part = choices.strength / surgery.multiples[-1]
        surgery = replace(surgery, multiples=tuple(part * multiple for multiple in surgery.multiples))
    lengths = [task.scaled(length) for length in surgery.lengths]
    batch = rounded_batch(surgery.batch, task.n)
    generator = torch.Generator().manual_seed(task.seed)
    drawn = initial_tensors(task.graph, task.inputs, lambda shape: torch.randn(shape, generator=generator))
    order = shuffled_batches(task.n, batch, generator)
    baseline = _Baseline(task, drawn, lengths[0], order, surgery)
    trainer.run(baseline)
    pruning = _Pruning(baseline, lengths[1], generator)
    trainer.run(pruning)
    masked, statistics, rate = pruning.masked(), pruning.statistics, surgery.adam_rate
    examples = Examples(task, batch, generator, copies=0)
    centres = CentreTraining(task, masked, statistics, choices, lengths[2], examples, rate)
    trainer.run(centres)
    sparse = dict(centres.tensors())
    return shrunk(centres.graph, sparse, live_units(centres.graph, sparse))


class _Masked(Phase):
    """Weights, and the running statistics that move with them; what both parts share."""

    def __init__(self, task: Task, steps: int, order: Iterator[torch.Tensor], surgery: Surgery) -> None:
        self.task, self.graph, self.steps, self.surgery = task, task.graph, steps, surgery
        self.order = order
        self.weights: Tensors = {}
        self.statistics: Tensors = {}
        self._gradients: Tensors = {}

    def differentiated(self, weights: Tensors) -> tuple[Tensors, float]:
        """Gradients of the next batch's mean loss for the weights that it depends on, and the loss."""
        rows = next(self.order)
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
        graph = self.graph.fitted({name: tuple(tensor.shape) for name, tensor in weights.items()})
        loss = self.task.loss(sparse_forward(graph, leaves | self.statistics, self.task.x[rows]), rows)
        loss.backward()
        self._gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
        return self._gradients, loss.item()

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        return self.weights | self.statistics

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        return self._gradients


class _Baseline(_Masked):
    """A dense network by SGD with momentum."""

    what = "training a dense network"

    def __init__(
        self, task: Task, drawn: Tensors, steps: int, order: Iterator[torch.Tensor], surgery: Surgery
    ) -> None:
        super().__init__(task, steps, order, surgery)
        self.weights = {name: drawn[name] for name in self.graph.parameters(task.inputs)}
        self.statistics = {name: tensor for name, tensor in drawn.items() if name not in self.weights}
        self._momentum: Tensors = {}

    @override
    def step(self, done: int) -> float:
        surgery, weights, momentum = self.surgery, self.weights, self._momentum
        gradients, loss = self.differentiated(weights)
        rate = surgery.rate / (1 + surgery.decay * (done * surgery.lengths[0] // self.steps // 125))
        for name, gradient in gradients.items():
            pull = gradient + surgery.weight_decay * weights[name]
            momentum[name] = surgery.momentum * momentum.get(name, torch.zeros_like(pull)) + pull
            weights[name] = weights[name] - rate * momentum[name]
        return loss


class _Pruning(_Masked):
    """Gradients of the masked network move the shadow weights (Guo et al., section 3.2)."""

    what = "pruning"

    def __init__(self, baseline: _Baseline, steps: int, generator: torch.Generator) -> None:
        super().__init__(baseline.task, steps, baseline.order, baseline.surgery)
        self.weights, self.statistics = baseline.weights, baseline.statistics
        self._masks = {name: torch.ones_like(tensor) for name, tensor in self.weights.items()}
        self._optimiser, self._generator, self._stage = ShrinkingAdam(), generator, -1
        self.updates: list[
            tuple[int, float]
        ] = []  # of the masks: steps done before, multiple of the threshold

    def masked(self) -> Tensors:
        """The weights that the network computes with."""
        return {name: tensor * self._masks[name] for name, tensor in self.weights.items()}

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        return self.masked() | self.statistics

    @override
    def step(self, done: int) -> float:
        surgery, part = self.surgery, done / self.steps
        last = len(surgery.multiples) - 1
        now = min(int(part / surgery.rising * last), last)
        probability = surgery.probabilities[int(part * len(surgery.probabilities))]
        if now != self._stage or torch.rand((), generator=self._generator).item() < probability:
            self.updates.append((done, surgery.multiples[now]))
            for name, tensor in self.weights.items():
                self._masks[name] = _mask(tensor, self._masks[name], surgery.multiples[now], surgery)
        if now != self._stage:
            self._stage = now
            if surgery.shrinks:
                self._remove_dead()
        gradients, loss = self.differentiated(self.masked())
        decay = surgery.weight_decay if surgery.decays_throughout else 0.0
        for name, gradient in gradients.items():
            self.weights[name].grad = gradient + decay * self.weights[name]
        self._optimiser.update(self.weights, surgery.adam_rate * min(1.0, 2 * (1 - part)))
        return loss

    def _remove_dead(self) -> None:
        """Units that the masks leave dead go."""
        graph = self.graph.fitted({name: tuple(tensor.shape) for name, tensor in self.weights.items()})
        units = live_units(graph, self.masked() | self.statistics)
        self._masks, self.weights = shrunk(graph, self._masks, units), shrunk(graph, self.weights, units)
        self.statistics = shrunk(graph, self.statistics, units)
        self._optimiser.shrink(partial(shrunk, graph, units=units))


def _mask(tensor: torch.Tensor, mask: torch.Tensor, multiple: float, surgery: Surgery) -> torch.Tensor:
    """The mask (0 or 1) after an update, with hysteresis around mean + multiple * std of sizes: Guo et al., eq. 3.

    The threshold is no higher than lets the settings' ``least`` share of the tensor pass.
    """
    sizes = tensor.abs()
    if not sizes.any():
        return torch.zeros_like(mask)
    kept = max(1, round(surgery.least * sizes.numel()))
    limit = torch.topk(sizes.flatten(), kept).values[-1] / (1 + surgery.hysteresis)
    threshold = torch.minimum(sizes.mean() + multiple * sizes.std(correction=0), limit)
    mask = torch.where(sizes < (1 - surgery.hysteresis) * threshold, torch.zeros_like(mask), mask)
    return torch.where(sizes >= (1 + surgery.hysteresis) * threshold, torch.ones_like(mask), mask)
