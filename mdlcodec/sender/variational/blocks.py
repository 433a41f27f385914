"""Sending the weights block by block, each followed by training of the rest (Havasi et al. 2019, algorithm 2)."""

from __future__ import annotations

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.descriptions.posterior_samples import Blocks, candidate
from mdlcodec.sender.loop import checked_loss
from mdlcodec.sender.variational.minimal_random_coding import choose
from mdlcodec.sender.variational.objective import Objective, ObjectivePhase

_PRICE_RATE = 0.03
_LARGEST_LOG_PRICE = 4.0


class BlockPrices:
    """A factor of the KL for each block, raised and lowered so that every block's KL comes near a target."""

    def __init__(self, blocks: Blocks, d: int, target: float) -> None:
        """Prices for blocks of d weights; ``target``: nats."""
        self._count, self._target = len(blocks), target
        self._log_prices = torch.zeros(len(blocks))
        block = np.zeros(d, np.int64)  # what is in no block has no KL
        block[blocks.places] = np.repeat(np.arange(len(blocks)), np.diff(blocks.starts))
        self._block = torch.from_numpy(block)

    def divergences(self, divergence: torch.Tensor) -> torch.Tensor:
        """KL of each block, from that of each weight."""
        return torch.zeros(self._count).index_add_(0, self._block, divergence)

    def adapt(self, divergence: torch.Tensor) -> None:
        """After a step: prices of blocks above the target rise."""
        excess = (self.divergences(divergence) / self._target).clamp(min=0.1, max=10.0).log()
        self._log_prices += _PRICE_RATE * excess
        self._log_prices.clamp_(-_LARGEST_LOG_PRICE, _LARGEST_LOG_PRICE)

    def prices(self) -> torch.Tensor:
        """The price of each weight."""
        return self._log_prices.exp()[self._block]


class Forming(ObjectivePhase):
    """Training under the blocks' prices before the first is sent."""

    what = "forming blocks"

    def __init__(self, objective: Objective, prices: BlockPrices, steps: int, rate: float) -> None:
        super().__init__(objective, steps)
        self._prices, self._rate = prices, rate

    @override
    def step(self, done: int) -> float:
        """A step of the objective under the prices, and the prices after it."""
        return priced_step(self.objective, self._prices, self._rate)


class Sending(ObjectivePhase):
    """A block a step, and training of the rest after it; afterwards every weight is what the receiver has."""

    what = "sending weights in blocks"

    def __init__(
        self,
        objective: Objective,
        blocks: Blocks,
        prices: BlockPrices,
        bits: int,
        *,
        retraining: int,
        rate: float,
    ) -> None:
        """``retraining``: steps after each block but the last."""
        super().__init__(objective, len(blocks))
        self._blocks, self._prices, self._bits = blocks, prices, bits
        self._retraining, self._rate, self._loss = retraining, rate, 0.0
        self.indices: list[int] = []

    @override
    def step(self, done: int) -> float:
        posterior, places, seed = self.objective.posterior, self._blocks.block(done), self.objective.task.seed
        where = torch.from_numpy(places)
        prior = posterior.prior_deviation[where]
        index = choose(
            seed,
            done,
            self._bits,
            posterior.mean.detach()[where].double().numpy(),
            posterior.deviation().detach()[where].double().numpy(),
            prior.double().numpy(),
        )
        z = candidate(seed, done, index, self._bits, places.size)
        posterior.fix(where, torch.from_numpy(z * prior.numpy()))
        self.indices.append(index)
        if done + 1 < self.steps:
            for _ in range(self._retraining):
                self._loss = priced_step(self.objective, self._prices, self._rate)
        return self._loss


def priced_step(objective: Objective, prices: BlockPrices, rate: float) -> float:
    """A step of the objective under the blocks' prices, and the prices after it; the loss of its batch."""
    loss = checked_loss(objective.step(rate, prices.prices()))
    prices.adapt(objective.posterior.divergence())
    return loss
