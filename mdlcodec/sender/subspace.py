"""Training within a random subspace that pays for the bits of its coordinates, in ordinary float32.

Minimises  mean loss (nats) + (ln 2 / n) * bits(coordinates),  the length of the code itself. Coordinates are
integers times one step, which is learned; the loss sees the rounded ones, and its gradient passes straight through
the rounding (as in `sparsify.entropy`). No receiver repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.descriptions.subspace.affine import STEPS, AffineSubspace
from mdlcodec.exact.hadamard import transform
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.loop import Phase, Trainer, cooled, diverged, shuffled_batches
from mdlcodec.sender.pooled_forward import quick_forward, rounded_batch
from mdlcodec.sender.task import Task, scaled


@dataclass(frozen=True)
class CoordinateSettings:
    """CoordinateSettings; moments are fractions of all steps."""

    steps: int = 7_000
    rate: float = 0.1  # largest learning rate of the coordinates, in quantisation steps
    batch: int = 128
    moved: float = 1.0  # by which a coordinate of 1 in all places moves the weights at first, in He's units
    priced_from: float = 0.05  # the price grows from nothing here ...
    priced_in_full: float = 0.5  # ... to its full amount here
    quantised_from: float = 0.3  # until then the loss sees the coordinates before rounding
    cooling_from: float = 0.3  # the learning rate falls along a cosine from here to the end
    step_rate: float = 3e-3  # learning rate of the logarithm of the quantisation step
    step_until: float = 0.85  # from here on the step is one that can be written


# by the architecture's name
SETTINGS = {"lenet5": CoordinateSettings(steps=5_000)}
_WARM_UP = 100  # steps of a learning rate that rises
_REFRESHED = 50  # steps between two looks at what the coordinates cost
_LARGEST = 255  # magnitude of a coordinate


def _settings_of(architecture: Architecture) -> CoordinateSettings:
    return SETTINGS.get(architecture.name, CoordinateSettings())


def steps_of(architecture: Architecture, effort: float, n: int) -> int:
    """Steps for n examples: all of the settings' for 60,000 or more."""
    return scaled(_settings_of(architecture).steps, effort, n)


class _Projection(torch.autograd.Function):
    """H q at all places, with the signs; the transpose backwards."""

    @staticmethod
    def forward(
        ctx: Any, coordinates: torch.Tensor, places: torch.Tensor, signs: torch.Tensor, size: int
    ) -> Any:
        values = torch.zeros(size)
        values[places] = coordinates.detach()
        transform(values.numpy())
        ctx.save_for_backward(places, signs)
        ctx.size = size
        return values[: len(signs)] * signs

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        places, signs = ctx.saved_tensors
        values = torch.zeros(ctx.size)
        torch.mul(gradient, signs, out=values[: len(signs)])
        transform(values.numpy())
        return values[places], None, None, None


def _rounded(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(-_LARGEST, _LARGEST)


def _prices(values: torch.Tensor) -> torch.Tensor:
    """Bits (_LARGEST + 1,) that a coordinate of magnitude m to m + 1 costs for each further unit, under the code
    that adapts to how often each magnitude occurs."""
    counts = torch.bincount(_rounded(values).abs().long(), minlength=_LARGEST + 1).float() + 0.5
    bits = -torch.log2(counts / counts.sum())
    bits[1:] += 1  # a sign
    bits = torch.cummax(bits, 0).values
    further = (bits[1:] - bits[:-1]).clamp(min=0.3, max=12.0)
    return torch.cat([further, torch.full((1,), 4.0)])


def _schedule(part: float, done: int, settings: CoordinateSettings) -> float:
    """The learning rate as a share of its largest: warm-up, flat, cosine."""
    warm = min(1.0, (done + 1) / _WARM_UP)
    return warm * (cooled(part, settings.cooling_from) + (1e-3 if part >= settings.cooling_from else 0.0))


class _SharedMomentAdam:
    """Adam (Kingma & Ba 2015) with one second moment for all coordinates, whose directions are alike."""

    def __init__(self, size: int) -> None:
        self._first, self._second, self._steps = torch.zeros(size), 0.0, 0

    def update(self, values: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        """Moves values in place."""
        self._steps += 1
        self._first += 0.1 * (gradient - self._first)
        self._second += 0.001 * (gradient.square().mean().item() - self._second)
        size = math.sqrt(self._second / (1 - 0.999**self._steps)) + 1e-12
        values -= rate * self._first / (size * (1 - 0.9**self._steps))


class SubspaceTraining(Phase):
    """Coordinates in units of a step, and the logarithm of the step."""

    def __init__(self, task: Task, subspace: AffineSubspace) -> None:
        self.task, self.graph, self.subspace = task, task.graph, subspace
        self.steps = steps_of(task.architecture, task.effort, task.n)
        self.settings = _settings_of(task.architecture)
        self._initial = torch.from_numpy(subspace.initial)
        self._gains = torch.from_numpy(subspace.gains).float()
        self._places = torch.from_numpy(subspace.places)
        self._signs = torch.from_numpy(subspace.signs).float()
        dimension = len(self._places)
        self.what = f"training {dimension:,} dimensions"
        self._values = torch.zeros(dimension)
        self._step = torch.tensor([math.log(self.settings.moved / math.sqrt(dimension))])
        self._optimiser, self._step_optimiser = _SharedMomentAdam(dimension), _SharedMomentAdam(1)
        generator = torch.Generator().manual_seed(task.seed)
        self._batches = shuffled_batches(task.n, rounded_batch(self.settings.batch, task.n), generator)
        self._price, self._prices = math.log(2) / task.n, torch.zeros(1)
        self._written: int | None = None

    @override
    def step(self, done: int) -> float:
        settings, task, values, step = self.settings, self.task, self._values, self._step
        part, rows = done / self.steps, next(self._batches)
        values.grad = step.grad = None
        values.requires_grad_()
        step.requires_grad_()
        shown = values
        if part >= settings.quantised_from:
            shown = values + (_rounded(values) - values).detach()
        loss = task.loss(quick_forward(self.graph, self._tensors(shown), task.x[rows]), rows)
        loss.backward()
        assert values.grad is not None and step.grad is not None
        with torch.no_grad():
            if done % _REFRESHED == 0:
                self._prices = _prices(values)
            ramp = (part - settings.priced_from) / (settings.priced_in_full - settings.priced_from)
            slopes = self._prices[values.abs().clamp(max=_LARGEST).long()] * values.sign()
            gradient = values.grad + self._price * min(max(ramp, 0.0), 1.0) * slopes
            rate = _schedule(part, done, settings)
            self._optimiser.update(values, gradient, rate * settings.rate)
            if part >= settings.step_until and self._written is None:
                self._written = _written(step, values)
            elif part >= settings.quantised_from and self._written is None:
                self._step_optimiser.update(step, step.grad, rate * settings.step_rate)
        return loss.item()

    def _tensors(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        moved = _Projection.apply(values, self._places, self._signs, self.subspace.size)
        return self.subspace.arranged(self._initial + moved * self._gains * self._step.exp())

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """As they would be sent."""
        with torch.no_grad():
            return self._tensors(_rounded(self._values))

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of the coordinates and of the logarithm of their step."""
        each = {"coordinates": self._values.grad, "step": self._step.grad}
        return {name: gradient for name, gradient in each.items() if gradient is not None}

    def finished(self) -> tuple[np.ndarray, int]:
        """Coordinates, int64 (dimension,), and the index of their step in STEPS."""
        with torch.no_grad():
            written = _written(self._step, self._values) if self._written is None else self._written
            if not self._values.isfinite().all():
                raise diverged()
            return _rounded(self._values).long().numpy(), written


def subspace_point(trainer: Trainer, subspace: AffineSubspace) -> tuple[np.ndarray, int]:
    """Coordinates, int64 (dimension,), and the index of their step in STEPS.

    Raises InexactComputation when the training diverges.
    """
    phase = SubspaceTraining(trainer.task, subspace)
    trainer.run(phase)
    return phase.finished()


def _written(step: torch.Tensor, values: torch.Tensor) -> int:
    """The index of the step in STEPS that is nearest; the values are told in units of it from now on."""
    logarithms = np.log(STEPS)
    index = int(np.argmin(abs(logarithms - step.item())))
    values *= math.exp(step.item() - logarithms[index])
    step.fill_(logarithms[index])
    return index
