"""Minimising KL + expected loss of all labels (Blier & Ollivier 2018, equation 3.2), with Adam."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.sender.descent import batches, checked_loss
from mdlcodec.sender.variational.posterior import Posterior

_SMOOTHING = 0.01  # of the loss that is told


class Objective:
    """A posterior, the examples it is trained on, and the optimiser."""

    def __init__(self, posterior: Posterior, x: np.ndarray, y: np.ndarray, batch: int) -> None:
        """x: float32 (n, h, w, c) or (n, d); y: integers (n,)."""
        architecture = posterior.architecture
        examples = torch.from_numpy(np.ascontiguousarray(x).reshape(-1, *architecture.inputs_of(x.shape[1:])))
        self.x = examples.permute(0, 3, 1, 2) if architecture.needs_images else examples
        self.y = torch.from_numpy(y.astype(np.int64))
        self.n = len(y)
        self.posterior = posterior
        self._batch = batch
        self.loss = math.nan  # nats a label, of the last batches
        self.steps = 0
        self._optimiser = torch.optim.Adam([posterior.mean, posterior.log_deviation])
        generator = posterior.generator
        self._batches = batches(batch, lambda: torch.randperm(self.n, generator=generator).numpy())

    def step(self, rate: float, price: torch.Tensor | float) -> None:
        """One batch; ``price``: factor of the KL, of all weights or of each.

        Raises InexactComputation when the training diverges.
        """
        posterior = self.posterior
        rows = torch.from_numpy(next(self._batches))
        self._optimiser.zero_grad()
        loss = functional.cross_entropy(posterior.scores(self.x[rows]), self.y[rows])
        loss.backward()
        posterior.add_divergence(price / self.n)
        self._optimiser.param_groups[0]["lr"] = rate
        known = posterior.mean.detach().clone()
        self._optimiser.step()
        with torch.no_grad():
            posterior.mean.copy_(torch.where(posterior.free, posterior.mean, known))
        found = checked_loss(loss.item())
        self.loss = self.loss + _SMOOTHING * (found - self.loss) if self.steps else found
        self.steps += 1

    @torch.no_grad()
    def expected_loss(self) -> float:
        """Of all labels in nats, each part of the examples under other weights from the posterior."""
        total = 0.0
        for start in range(0, self.n, self._batch):
            rows = slice(start, start + self._batch)
            scores = self.posterior.scores(self.x[rows])
            total += float(functional.cross_entropy(scores, self.y[rows], reduction="sum"))
        return checked_loss(total)

    def bits(self) -> float:
        """KL + expected loss, in bits."""
        return (float(self.posterior.divergence().double().sum()) + self.expected_loss()) / math.log(2)
