"""Sending the weights block by block, each followed by training of the rest (Havasi et al. 2019, algorithm 2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from mdlcodec.descriptions.posterior_samples import Blocks, candidate
from mdlcodec.sender.variational.minimal_random_coding import choose
from mdlcodec.sender.variational.objective import Objective

_PRICE_RATE = 0.03
_LARGEST_LOG_PRICE = 4.0


class BlockPrices:
    """A factor of the KL for each block, raised and lowered so that every block's KL comes near a target."""

    def __init__(self, blocks: Blocks, d: int, target: float) -> None:
        """Of d weights; ``target``: nats."""
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
        """Of each weight."""
        return self._log_prices.exp()[self._block]


def priced_step(objective: Objective, prices: BlockPrices, rate: float) -> None:
    """A step of the objective under the blocks' prices, and the prices after it."""
    objective.step(rate, prices.prices())
    prices.adapt(objective.posterior.divergence())


def send(
    objective: Objective,
    blocks: Blocks,
    prices: BlockPrices,
    bits: int,
    seed: int,
    *,
    steps: int,
    rate: float,
    sent: Callable[[int], None],
) -> list[int]:
    """Indices of all blocks; afterwards every weight is what the receiver has.

    ``steps``: of training after each block; ``sent`` is told how many blocks are sent.
    """
    posterior, indices = objective.posterior, []
    for number in range(len(blocks)):
        places = blocks.block(number)
        where = torch.from_numpy(places)
        prior = posterior.prior_deviation[where]
        index = choose(
            seed,
            number,
            bits,
            posterior.mean.detach()[where].double().numpy(),
            posterior.deviation().detach()[where].double().numpy(),
            prior.double().numpy(),
        )
        z = candidate(seed, number, index, bits, places.size)
        posterior.fix(where, torch.from_numpy(z * prior.numpy()))
        indices.append(index)
        sent(number + 1)
        if number + 1 < len(blocks):
            for _ in range(steps):
                priced_step(objective, prices, rate)
    return indices
