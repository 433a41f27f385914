"""PMMP: probabilistic minimax pruning (Barth & von Petersenn 2025).

min over a, w, p and max over u of L(a) + sum(u ((a - w p)^2 + w^2 p (1 - p))) + alpha sum(p), with p within [0, 1]:
weights are w with probability p and else 0, and the network's, a, is held to them. alpha counts nats of all labels.

In p the objective is linear, so that p follows the sign of its slope: it has a rate of its own, and begins once the
loss has settled. Where all of it moves by Adam from the first step, whole layers go at once.
"""

from __future__ import annotations

import torch
from typing_extensions import override

from mdlcodec.nn.graph import Graph
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Choices, Method
from mdlcodec.sender.task import Task

FROM = 0.1  # of the training, without anything of this
_MULTIPLIER = 0.1  # u at the start
_MULTIPLIER_RATE = 0.3  # of u, as a share of the weights'
_CROSSING = 0.1  # of the training, in which p can fall from 1 to 0
_STEEP = 1.0  # slopes of p beyond so many alphas count as so many


class MinimaxPruning(Method):
    """See the module."""

    strength = 20.0
    strengths = (1e-3, 1e5)
    frontier = (3.0, 300.0)

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        super().__init__(task, graph, choices, steps, rng)
        shapes = {
            name: parameter.shape
            for name, parameter in self.graph.parameters(self.task.inputs).items()
            if len(parameter.shape) > 1
        }
        self._sent: Tensors = {name: torch.zeros(shape) for name, shape in shapes.items()}
        self._multipliers = {name: torch.full(shape, _MULTIPLIER) for name, shape in shapes.items()}
        self._chances = {name: torch.ones(shape) for name, shape in shapes.items()}
        self._last: Tensors = {}
        self._begun = False

    @override
    def extra(self) -> dict[str, tuple[torch.Tensor, float]]:
        sent = {f"sent {name}": (tensor, 1.0) for name, tensor in self._sent.items()}
        return sent | {f"u {name}": (tensor, _MULTIPLIER_RATE) for name, tensor in self._multipliers.items()}

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        if part < FROM:
            return
        if not self._begun:
            self._begun = True
            for name, sent in self._sent.items():
                sent.copy_(weights[name])
        for name, w in self._sent.items():
            a, p, u = weights[name], self._chances[name], self._multipliers[name]
            assert a.grad is not None
            gap, spread = a - w * p, w * p * (1 - p)
            a.grad += 2 * u * gap
            w.grad = 2 * u * (spread - gap * p)
            u.grad = -(gap * gap + w * spread)
            alpha = price * self.chosen
            self._last[name] = (u * w * (w * (1 - 2 * p) - 2 * gap) + alpha) / max(alpha, 1e-30)

    @override
    def moved(self, weights: Tensors, statistics: Tensors, done: int) -> None:
        for name, slope in self._last.items():
            self._chances[name].sub_(slope.clamp(-_STEEP, _STEEP) / max(1.0, _CROSSING * self.steps)).clamp_(
                0.0, 1.0
            )

    @override
    def left(self, weights: Tensors) -> Tensors:
        kept = {name: weights[name] * (chance >= 0.5) for name, chance in self._chances.items()}
        return weights | kept
