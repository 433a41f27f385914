"""Minimising KL + expected loss of all labels (Blier & Ollivier 2018, equation 3.2), with Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch.nn import functional
from typing_extensions import override

from mdlcodec.sender.examples import Examples
from mdlcodec.sender.loop import Phase, checked_loss
from mdlcodec.sender.task import Task
from mdlcodec.sender.variational.posterior import Posterior


class Objective:
    """A posterior, the examples it is trained on, and the optimiser."""

    def __init__(
        self, posterior: Posterior, task: Task, batch: int, exchange: float = 1.0, copies: int = 0
    ) -> None:
        """``exchange``: what a nat of the KL is worth in nats of the loss; ``copies``: moved ones of the images."""
        self.task, self.posterior, self.n, self._exchange = task, posterior, task.n, exchange
        self._batch = batch
        self._optimiser = torch.optim.Adam([posterior.mean, posterior.log_deviation])
        self._examples = Examples(task, batch, posterior.generator, copies)

    def step(self, rate: float, price: torch.Tensor | float) -> float:
        """One batch; ``price``: factor of the KL, of all weights or of each. The mean loss of the batch."""
        posterior, (x, y) = self.posterior, self._examples.next()
        self._optimiser.zero_grad()
        loss = self.task.loss_of(posterior.scores(x), y)
        loss.backward()
        posterior.add_divergence(price * self._exchange / self.n)
        self._optimiser.param_groups[0]["lr"] = rate
        known = posterior.mean.detach().clone()
        self._optimiser.step()
        with torch.no_grad():
            posterior.mean.copy_(torch.where(posterior.free, posterior.mean, known))
        return loss.item()

    @torch.no_grad()
    def expected_loss(self) -> float:
        """The loss of all labels in nats, each part of the examples under other weights from the posterior."""
        total = 0.0
        for start in range(0, self.n, self._batch):
            rows = slice(start, start + self._batch)
            scores = self.posterior.scores(self.task.x[rows])
            total += float(functional.cross_entropy(scores, self.task.y[rows], reduction="sum"))
        return checked_loss(total)

    def bits(self) -> float:
        """KL + expected loss, in bits."""
        return (float(self.posterior.divergence().double().sum()) + self.expected_loss()) / math.log(2)


class ObjectivePhase(Phase):
    """What its phases share: they show the posterior's means."""

    def __init__(self, objective: Objective, steps: int) -> None:
        self.objective, self.steps, self.graph = objective, steps, objective.task.graph

    @override
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The means."""
        return self.objective.posterior.means()

    @override
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of means and logarithms of deviations, flat."""
        posterior = self.objective.posterior
        each = {"mean": posterior.mean.grad, "log deviation": posterior.log_deviation.grad}
        return {name: gradient for name, gradient in each.items() if gradient is not None}
