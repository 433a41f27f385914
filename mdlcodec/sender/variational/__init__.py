"""The sender of the variational code: a posterior is trained, then its weights are sent in blocks.

Blier & Ollivier 2018, section 3.3; Havasi, Peharz & Hernandez-Lobato 2019. Ordinary float32: nothing here is
repeated by a receiver, who has the weights from `mdlcodec.descriptions.posterior_samples`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.descriptions.posterior_samples import NUMBER, Blocks, byte_of, deviation_of
from mdlcodec.nn.node import Shape
from mdlcodec.nn.work import step_work
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.efforts import VariationalEffort
from mdlcodec.sender.examples import COPIES
from mdlcodec.sender.loop import Trainer, cooled, diverged
from mdlcodec.sender.task import Task, scaled
from mdlcodec.sender.variational.blocks import BlockPrices, Forming, Sending
from mdlcodec.sender.variational.objective import Objective, ObjectivePhase
from mdlcodec.sender.variational.posterior import Posterior

_FEWEST_STEPS = 1000
_MOST_NUMBERS = 1 << 33  # that are drawn from the prior: a minute or two


@dataclass(frozen=True)
class PosteriorSettings:
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
class SentSample:
    """What is sent: indices of ``bits`` each, one for each block, and the prior's deviations as bytes.

    ``objective_bits``: KL + expected loss when training ended, before blocks were formed.
    """

    bits: int
    indices: list[int]
    prior: bytes
    objective_bits: float


def _settings(architecture: Architecture) -> PosteriorSettings:
    # little is learned fast: a single hidden layer, or one convolution
    return PosteriorSettings() if len(architecture.layer_names) > 2 else PosteriorSettings(rate=1e-2)


def _training_steps(settings: PosteriorSettings, n: int, effort: VariationalEffort) -> int:
    return scaled(settings.steps, effort.steps, n, _FEWEST_STEPS)


def _index_bits(parameters: int, effort: VariationalEffort) -> int:
    """Bits of an index: fewer for a network of very many weights, whose candidates take long to draw."""
    bits = effort.bits
    while bits > 1 and parameters << bits > _MOST_NUMBERS:
        bits -= 1
    return bits


def _most_blocks(parameters: int, n: int, k: int, bits: int) -> int:
    """No more than there are weights, nor than the uniform code would be long."""
    return min(parameters, math.ceil(n * math.log2(k) / bits))


def most_steps(architecture: Architecture, shape: Shape, n: int, k: int, effort: VariationalEffort) -> int:
    """Steps of `variational_network`, for n examples of that shape."""
    settings, parameters = _settings(architecture), architecture.parameters(shape, k)
    training = _training_steps(settings, n, effort)
    blocks = _most_blocks(parameters, n, k, _index_bits(parameters, effort))
    return training + round(settings.priced * training) + effort.retraining * blocks


def most_work(architecture: Architecture, shape: Shape, n: int, k: int, effort: VariationalEffort) -> int:
    """Operations of `variational_network`: its steps, and every candidate of every block."""
    graph, entering = architecture.for_targets(shape, k)
    parameters = architecture.parameters(shape, k)
    step = step_work(graph, entering, min(_settings(architecture).batch, n))
    candidates = NUMBER * (parameters << _index_bits(parameters, effort))
    return most_steps(architecture, shape, n, k, effort) * step + candidates


def memory(architecture: Architecture, shape: Shape, n: int, k: int, effort: VariationalEffort) -> int:
    """Bytes that `variational_network` takes besides the examples, estimated from above."""
    settings = _settings(architecture)
    parameters = architecture.parameters(shape, k)
    graph, entering = architecture.for_targets(shape, k)
    values = graph.values(entering)
    # values with winners, squares and gradients; weights, moments and gradients; all candidates of a block and
    # their order; and what torch keeps
    candidates = 32 << _index_bits(parameters, effort)
    return 64 * min(settings.batch, n) * values + 128 * parameters + candidates + (1 << 28)


@dataclass(frozen=True)
class Aim:
    """What is minimised: KL * ``exchange`` + expected loss; ``alone``: of a network that goes without the
    labels, so that it is trained on moved copies of images too; ``variance``: of the prior of all tensors, None
    to learn one for each."""

    variance: float | None = None
    exchange: float = 1.0
    alone: bool = False


LABELS = Aim()


def variational_network(trainer: Trainer, effort: VariationalEffort, aim: Aim = LABELS) -> SentSample:
    """A network for the task, as it is sent. Raises InexactComputation when the training diverges."""
    task = trainer.task
    settings, n, k = _settings(task.architecture), task.n, task.outputs
    objective, variance = train_posterior(trainer, effort, aim), aim.variance
    deviations = _settled(objective.posterior, variance, settings)
    objective_bits = objective.bits()
    prior = b"" if variance is not None else bytes(byte for byte, _ in deviations)
    parameters = task.architecture.parameters(task.shape, k)
    bits = _index_bits(parameters, effort)
    divergence = float(objective.posterior.divergence().double().sum()) / math.log(2)
    count = min(round(divergence / bits), _most_blocks(parameters, n, k, bits))
    if count == 0:
        return SentSample(bits, [], prior, objective_bits)
    sizes = [math.prod(shape) for shape in objective.posterior.shapes]
    blocks = Blocks.of(sizes, [bool(deviation) for _, deviation in deviations], count, task.seed)
    prices = BlockPrices(blocks, sum(sizes), bits * math.log(2))
    rate = settings.priced_rate * settings.rate
    forming = round(settings.priced * _training_steps(settings, n, effort))
    trainer.run(Forming(objective, prices, forming, rate))
    sending = Sending(objective, blocks, prices, bits, retraining=effort.retraining, rate=rate)
    trainer.run(sending)
    return SentSample(bits, sending.indices, prior, objective_bits)


class PosteriorTraining(ObjectivePhase):
    """KL + expected loss minimised, the KL at a price that rises to 1."""

    def __init__(self, task: Task, effort: VariationalEffort, aim: Aim) -> None:
        settings = _settings(task.architecture)
        generator = torch.Generator().manual_seed(task.seed)
        size = math.sqrt(float(np.square(task.x.numpy(), dtype=np.float64).mean()))
        if not math.isfinite(size):
            raise diverged()
        posterior = Posterior(task.architecture, task.shape, task.outputs, size, generator)
        objective = Objective(
            posterior, task, min(settings.batch, task.n), aim.exchange, COPIES if aim.alone else 0
        )
        super().__init__(objective, _training_steps(settings, task.n, effort))
        self._settings, self._variance = settings, aim.variance

    @override
    def step(self, done: int) -> float:
        settings, part = self._settings, done / self.steps
        posterior, variance = self.objective.posterior, self._variance
        posterior.set_prior(
            posterior.best_prior() if variance is None else [math.sqrt(variance)] * len(posterior.slices)
        )
        rate = settings.rate * min(1.0, (done + 1) / settings.started)
        rate *= settings.coolest + (1 - settings.coolest) * cooled(part, settings.cooling_from)
        return self.objective.step(rate, min(1.0, part / settings.charged_in_full))


def train_posterior(trainer: Trainer, effort: VariationalEffort, aim: Aim) -> Objective:
    """KL + expected loss minimised; arguments as of `variational_network`."""
    phase = PosteriorTraining(trainer.task, effort, aim)
    trainer.run(phase)
    return phase.objective


def _settled(
    posterior: Posterior, variance: float | None, settings: PosteriorSettings
) -> list[tuple[int, np.float32]]:
    """Byte (0 where the variance is given) and deviation of each tensor's prior, which does not change any more."""
    deviations = []
    divergence = posterior.divergence() / math.log(2)
    for places, best in zip(posterior.slices, posterior.best_prior(), strict=True):
        if variance is not None:
            deviations.append((0, np.float32(np.sqrt(variance))))
        elif float(divergence[places].mean()) > settings.least:
            byte = byte_of(best)
            deviations.append((byte, deviation_of(byte)))
        else:
            posterior.fix(places, 0.0)
            deviations.append((0, np.float32(0.0)))
    posterior.set_prior([float(deviation) for _, deviation in deviations])
    return deviations
