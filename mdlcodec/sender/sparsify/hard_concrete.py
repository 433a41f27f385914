"""l0 by sampling: gates of a stretched concrete distribution (Louizos, Welling & Kingma 2018, equations 10 to 13).

A weight is multiplied by z = min(1, max(0, s (ZETA - GAMMA) + GAMMA)), s = sigmoid((log u - log(1 - u) + log a) /
TEMPERATURE) of a uniform u, drawn anew for each batch; alpha times the expected number of gates that are not 0 is
added to the loss.
"""

from __future__ import annotations

import math

import torch
from typing_extensions import override

from mdlcodec.nn.graph import Graph
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Choices, Method
from mdlcodec.sender.task import Task

TEMPERATURE, GAMMA, ZETA = 2 / 3, -0.1, 1.1
_OPEN = 2.0  # log a at the start
_SHIFT = TEMPERATURE * math.log(-GAMMA / ZETA)
_RATE = 10.0  # of the gates, as a share of the weights' ...
_FULL = 24_000  # ... in so many steps; in fewer they move faster, since they have as far to go
_PREFIX = "gate "


class HardConcrete(Method):
    """See the module; alpha counts nats of all labels."""

    strength = 1.0
    strengths = (1e-4, 1e4)
    frontier = (0.1, 10.0)

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        super().__init__(task, graph, choices, steps, rng)
        self._gates = {
            name: torch.full(parameter.shape, _OPEN)
            for name, parameter in self.graph.parameters(self.task.inputs).items()
            if len(parameter.shape) > 1
        }

    @override
    def extra(self) -> dict[str, tuple[torch.Tensor, float]]:
        share = _RATE * max(1.0, _FULL / self.steps)
        return {_PREFIX + name: (gate, share) for name, gate in self._gates.items()}

    @override
    def shown(self, weights: Tensors) -> Tensors:
        gated = dict(weights)
        for name, gate in self._gates.items():
            u = torch.rand(gate.shape, generator=self.rng).clamp_(1e-6, 1 - 1e-6)
            s = torch.sigmoid((torch.logit(u) + gate) / TEMPERATURE)
            gated[name] = weights[name] * _stretched(s)
        return gated

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        for gate in self._gates.values():
            if gate.grad is not None:
                open_ = torch.sigmoid(gate - _SHIFT)
                gate.grad += price * self.chosen * open_ * (1 - open_)

    @override
    def left(self, weights: Tensors) -> Tensors:
        gated = {name: weights[name] * _stretched(torch.sigmoid(g)) for name, g in self._gates.items()}
        return weights | gated


def _stretched(s: torch.Tensor) -> torch.Tensor:
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)
