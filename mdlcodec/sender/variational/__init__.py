"""The sender of the variational code: a posterior is trained, then its weights are sent in blocks.

Blier & Ollivier 2018, section 3.3; Havasi, Peharz & Hernandez-Lobato 2019. Ordinary float32: nothing here is
repeated by a receiver, who has the weights from `mdlcodec.descriptions.posterior_samples`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mdlcodec.descriptions.posterior_samples import Blocks, byte_of, deviation_of
from mdlcodec.nn.architectures import Layered, Shape
from mdlcodec.sender.descent import cooled, scaled
from mdlcodec.sender.efforts import VariationalEffort
from mdlcodec.sender.variational.blocks import BlockPrices, priced_step, send
from mdlcodec.sender.variational.objective import Objective
from mdlcodec.sender.variational.posterior import Posterior

_FEWEST_STEPS = 1000
_MOST_NUMBERS = 1 << 33  # that are drawn from the prior: a minute or two


@dataclass(frozen=True)
class Recipe:
    """How a posterior is trained and sent; the preset scales the steps."""

    steps: int = 16_000  # for 60,000 examples; fewer for fewer
    batch: int = 128
    rate: float = 4e-3  # of Adam
    started: int = 200  # steps until the rate is reached
    charged_in_full: float = 0.2  # share of the steps after which the KL counts in full
    cooling_from: float = 0.5
    coolest: float = 0.02  # share of the rate when training ends
    priced: float = 0.15  # steps under the blocks' prices before the first is sent, as a share
    priced_rate: float = 0.25  # share of the rate from then on
    least: float = 0.01  # bits a weight: tensors with less are zero


@dataclass(frozen=True)
class Found:
    """What is sent: indices of ``bits`` each, one for each block, and the prior's deviations as bytes.

    ``objective_bits``: KL + expected loss when training ended, before blocks were formed.
    """

    bits: int
    indices: list[int]
    prior: bytes
    objective_bits: float


def _recipe(architecture: Layered) -> Recipe:
    # little is learned fast: a single hidden layer, or one convolution
    return Recipe() if len(architecture.layers) > 2 else Recipe(rate=1e-2)


def _training_steps(recipe: Recipe, n: int, effort: VariationalEffort) -> int:
    return scaled(recipe.steps, effort.steps, n, _FEWEST_STEPS)


def _index_bits(parameters: int, effort: VariationalEffort) -> int:
    """Of an index: fewer for a network of very many weights, whose candidates take long to draw."""
    bits = effort.bits
    while bits > 1 and parameters << bits > _MOST_NUMBERS:
        bits -= 1
    return bits


def _most_blocks(parameters: int, n: int, k: int, bits: int) -> int:
    """No more than there are weights, nor than the uniform code would be long."""
    return min(parameters, math.ceil(n * math.log2(k) / bits))


def most_steps(architecture: Layered, shape: Shape, n: int, k: int, effort: VariationalEffort) -> int:
    """Of `variational_network`, for n examples of that shape."""
    recipe, parameters = _recipe(architecture), architecture.parameters(shape, k)
    training = _training_steps(recipe, n, effort)
    blocks = _most_blocks(parameters, n, k, _index_bits(parameters, effort))
    return training + round(recipe.priced * training) + effort.retraining * blocks


def memory(architecture: Layered, shape: Shape, n: int, k: int, effort: VariationalEffort) -> int:
    """Bytes that `variational_network` takes besides the examples, estimated from above."""
    recipe, inputs = _recipe(architecture), architecture.inputs_of(shape)
    parameters = architecture.parameters(shape, k)
    values = math.prod(inputs)  # of an example's pass: it, and every layer's outputs before pooling
    for layer, places, width in zip(
        architecture.layers, architecture.maps(inputs), (*architecture.widths, k), strict=True
    ):
        values += width * math.prod(side - (layer.kernel or 1) + 1 for side in places)
    # values with winners, squares and gradients; weights, moments and gradients; all candidates of a block and
    # their order; and what torch keeps
    candidates = 32 << _index_bits(parameters, effort)
    return 64 * min(recipe.batch, n) * values + 128 * parameters + candidates + (1 << 28)


def variational_network(
    architecture: Layered,
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    *,
    effort: VariationalEffort,
    seed: int,
    variance: float | None = None,
    progress: Callable[[str], None],
) -> Found:
    """A network for labelled examples, as it is sent.

    x: float32 (n, h, w, c) or (n, d); y: integers (n,) below k; ``variance``: of the prior of all tensors, None
    to learn one for each. ``progress`` is told in words. Raises InexactComputation when the training diverges.
    """
    recipe = _recipe(architecture)
    objective = train_posterior(
        architecture, x, y, k, effort=effort, seed=seed, variance=variance, progress=progress
    )
    deviations = _settled(objective.posterior, variance, recipe)
    objective_bits = objective.bits()
    prior = b"" if variance is not None else bytes(byte for byte, _ in deviations)
    parameters = architecture.parameters(x.shape[1:], k)
    bits = _index_bits(parameters, effort)
    divergence = float(objective.posterior.divergence().double().sum()) / math.log(2)
    count = min(round(divergence / bits), _most_blocks(parameters, len(y), k, bits))
    if count == 0:
        return Found(bits, [], prior, objective_bits)
    sizes = [math.prod(shape) for shape in objective.posterior.shapes]
    blocks = Blocks.of(sizes, [bool(deviation) for _, deviation in deviations], count, seed)
    prices = BlockPrices(blocks, sum(sizes), bits * math.log(2))
    rate, steps = recipe.priced_rate * recipe.rate, round(recipe.priced * objective.steps)
    for done in range(steps):
        priced_step(objective, prices, rate)
        progress(f"forming blocks, step {done + 1:,} of {steps:,}, {objective.loss:.4f} nats a label")

    def sent(number: int) -> None:
        progress(f"sending weights, block {number:,} of {count:,}, {objective.loss:.4f} nats a label")

    indices = send(objective, blocks, prices, bits, seed, steps=effort.retraining, rate=rate, sent=sent)
    return Found(bits, indices, prior, objective_bits)


def train_posterior(
    architecture: Layered,
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    *,
    effort: VariationalEffort,
    seed: int,
    variance: float | None = None,
    progress: Callable[[str], None],
    look: Callable[[Objective, int], None] = lambda objective, steps: None,
) -> Objective:
    """KL + expected loss minimised; arguments as of `variational_network`.

    ``look`` is given the objective before every step, and how many steps there will be.
    """
    recipe = _recipe(architecture)
    generator = torch.Generator().manual_seed(seed)
    size = math.sqrt(float(np.square(x, dtype=np.float64).mean()))
    posterior = Posterior(architecture, x.shape[1:], k, size, generator)
    objective = Objective(posterior, x, y, min(recipe.batch, len(y)))
    steps = _training_steps(recipe, len(y), effort)
    for done in range(steps):
        look(objective, steps)
        part = done / steps
        posterior.set_prior(
            posterior.best_prior() if variance is None else [math.sqrt(variance)] * len(posterior.slices)
        )
        rate = recipe.rate * min(1.0, (done + 1) / recipe.started)
        rate *= recipe.coolest + (1 - recipe.coolest) * cooled(part, recipe.cooling_from)
        objective.step(rate, min(1.0, part / recipe.charged_in_full))
        progress(f"training, step {done + 1:,} of {steps:,}, {objective.loss:.4f} nats a label")
    return objective


def _settled(posterior: Posterior, variance: float | None, recipe: Recipe) -> list[tuple[int, np.float32]]:
    """Byte (0 where the variance is given) and deviation of each tensor's prior, which does not change any more."""
    found = []
    divergence = posterior.divergence() / math.log(2)
    for places, best in zip(posterior.slices, posterior.best_prior(), strict=True):
        if variance is not None:
            found.append((0, np.float32(np.sqrt(variance))))
        elif float(divergence[places].mean()) > recipe.least:
            byte = byte_of(best)
            found.append((byte, deviation_of(byte)))
        else:
            posterior.fix(places, 0.0)
            found.append((0, np.float32(0.0)))
    posterior.set_prior([float(deviation) for _, deviation in found])
    return found
