"""Training within a random subspace that pays for the bits of its coordinates, in ordinary float32.

Minimises  mean loss (nats) + (ln 2 / n) * bits(coordinates),  the length of the code itself. Coordinates are
integers times one step, which is learned; the loss sees the rounded ones, and its gradient passes straight through
the rounding (as in `mdlcodec.sender.sparsify.entropy`). No receiver repeats it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.descriptions.subspace.affine import STEPS, AffineSubspace
from mdlcodec.exact.hadamard import transform
from mdlcodec.nn.architectures import Layered
from mdlcodec.sender.convolution import LANES, ConvolvePool
from mdlcodec.sender.descent import StepProgress, batches, checked_loss, cooled, diverged, scaled


@dataclass(frozen=True)
class Recipe:
    """Settings; moments are fractions of all steps."""

    steps: int
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
RECIPES = {"lenet5": Recipe(steps=5_000), "lenet-300-100": Recipe(steps=7_000)}
_WARM_UP = 100  # steps of a learning rate that rises
_REFRESHED = 50  # steps between two looks at what the coordinates cost
_LARGEST = 255  # magnitude of a coordinate
_DENSE_CHANNELS = 3  # convolutions of more channels than so many are faster in torch


def steps_of(architecture: Layered, effort: float, n: int) -> int:
    """Steps for n examples: all of the recipe's for 60,000 or more."""
    return scaled(RECIPES[architecture.name].steps, effort, n)


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


def _forward(
    architecture: Layered, weights: list[tuple[torch.Tensor, torch.Tensor]], batch: torch.Tensor
) -> torch.Tensor:
    """What `mdlcodec.sender.float_layered.float_forward` computes, faster: (m, c, h, w) or (m, d) -> (m, k)."""
    values = batch
    for layer, (weight, bias) in zip(architecture.layers, weights, strict=True):
        if layer.kind == "linear":
            values = functional.linear(values.flatten(1), weight, bias)
        elif layer.pool and weight.shape[1] <= _DENSE_CHANNELS:
            blocks = values.reshape(-1, LANES, *values.shape[1:]).permute(0, 2, 3, 4, 1).contiguous()
            pooled = ConvolvePool.apply(blocks, weight.contiguous())
            values = pooled.permute(0, 4, 1, 2, 3).flatten(0, 1) + bias[:, None, None]
        else:
            last = torch.channels_last
            values = functional.conv2d(
                values.contiguous(memory_format=last), weight.contiguous(memory_format=last), bias
            )
            values = functional.max_pool2d(values, 2) if layer.pool else values
        values = functional.relu(values) if layer.relu else values
    return values


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


def _schedule(part: float, done: int, recipe: Recipe) -> float:
    """The learning rate as a share of its largest: warm-up, flat, cosine."""
    warm = min(1.0, (done + 1) / _WARM_UP)
    return warm * (cooled(part, recipe.cooling_from) + (1e-3 if part >= recipe.cooling_from else 0.0))


class _Adam:
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


def train(
    subspace: AffineSubspace,
    architecture: Layered,
    x: np.ndarray,
    y: np.ndarray,
    *,
    steps: int,
    seed: int,
    progress: StepProgress,
) -> tuple[np.ndarray, int]:
    """Coordinates, int64 (dimension,), and the index of their step in STEPS.

    x: float32 (n, h, w, c) or (n, d); y: integers (n,) below k; progress is told steps done, steps in all, and the
    mean loss of the last batches. Raises InexactComputation when the training diverges.
    """
    recipe = RECIPES[architecture.name]
    examples = torch.from_numpy(np.ascontiguousarray(x)).reshape(-1, *architecture.inputs_of(x.shape[1:]))
    if architecture.needs_images:
        examples = examples.permute(0, 3, 1, 2)
    labels = torch.from_numpy(y.astype(np.int64))
    initial, gains = torch.from_numpy(subspace.initial), torch.from_numpy(subspace.gains).float()
    places, signs = torch.from_numpy(subspace.places), torch.from_numpy(subspace.signs).float()
    dimension = len(places)
    values, step = torch.zeros(dimension), torch.tensor([math.log(recipe.moved / math.sqrt(dimension))])
    optimiser, step_optimiser = _Adam(dimension), _Adam(1)
    generator = torch.Generator().manual_seed(seed)
    batch = min(recipe.batch, -(-len(x) // LANES) * LANES)
    order = batches(batch, lambda: torch.randperm(len(x), generator=generator).numpy())
    price, prices, recent = math.log(2) / len(x), torch.zeros(1), 0.0
    written: int | None = None
    for done in range(steps):
        part, rows = done / steps, torch.from_numpy(next(order))
        values.grad = step.grad = None
        values.requires_grad_()
        step.requires_grad_()
        shown = values
        if part >= recipe.quantised_from:
            shown = values + (_rounded(values) - values).detach()
        moved = _Projection.apply(shown, places, signs, subspace.size)
        weights = subspace.arranged(initial + moved * gains * step.exp())
        loss = functional.cross_entropy(_forward(architecture, weights, examples[rows]), labels[rows])
        loss.backward()
        recent += (checked_loss(loss.item()) - recent) * (0.01 if done else 1)
        assert values.grad is not None and step.grad is not None
        with torch.no_grad():
            if done % _REFRESHED == 0:
                prices = _prices(values)
            ramp = (part - recipe.priced_from) / (recipe.priced_in_full - recipe.priced_from)
            slopes = prices[values.abs().clamp(max=_LARGEST).long()] * values.sign()
            gradient = values.grad + price * min(max(ramp, 0.0), 1.0) * slopes
            rate = _schedule(part, done, recipe)
            optimiser.update(values, gradient, rate * recipe.rate)
            if part >= recipe.step_until and written is None:
                written = _written(step, values)
            elif part >= recipe.quantised_from and written is None:
                step_optimiser.update(step, step.grad, rate * recipe.step_rate)
        progress(done + 1, steps, recent)
    with torch.no_grad():
        written = _written(step, values) if written is None else written
        if not values.isfinite().all():
            raise diverged()
        return _rounded(values).long().numpy(), written


def _written(step: torch.Tensor, values: torch.Tensor) -> int:
    """The index of the step in STEPS that is nearest; the values are told in units of it from now on."""
    logarithms = np.log(STEPS)
    index = int(np.argmin(abs(logarithms - step.item())))
    values *= math.exp(step.item() - logarithms[index])
    step.fill_(logarithms[index])
    return index
