"""VIBNet: units leave by a variational information bottleneck (Dai, Zhu, Guo & Wipf 2018, poster, equation *).

What a layer gives, h = (mu + eps sigma) f with eps normal, anew for each example, is told by as little of its noise
as the next layers allow: sum over layers i of gamma_i * sum over units j of log(1 + mu_ij^2 / sigma_ij^2), plus L
times the cross entropy. A unit is a column, a map of a convolution, or an input of a first layer that is fully
connected. It leaves where log(sigma^2 / mu^2) >= 0, and mu enters the weights that read it.

All of it is divided by L here; a strength s is gamma_i = s L m_i / 2, with m_i the places of a unit's map where it
is read. Units that an addition shares have no noise, and stay.
"""

from __future__ import annotations

import math

import torch
from typing_extensions import override

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Choices, Method
from mdlcodec.sender.sparsify.readings import readings
from mdlcodec.sender.task import Task

_MEAN_SPREAD, _LOG_VARIANCE = 0.01, -9.0  # of mu, around 1, and of its variance at the start
_LEAST = 1e-8  # added to variances and squares
_DECAY = 5e-5  # of mu and the logarithms of variances
_FULL = 24_000  # steps; in fewer, mu and sigma move faster, since they have as far to go


class InformationBottleneck(Method):
    """See the module."""

    strength = 8e-4
    strengths = (1e-8, 1e2)
    frontier = (1e-4, 1e-2)
    of_texts = False  # its noise is of units that others read
    takes = Method.takes | {"gamma"}
    tamade = 0.0
    taught = True
    longer = 3  # steps of so few units cost little
    exchange = 0.1  # what it is about are units

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        super().__init__(task, graph, choices, steps, rng)
        self.layers = readings(self.graph, self.task.inputs)
        self.means, self.log_variances = {}, {}
        for layer in self.layers:
            noise = torch.randn(2, layer.units, generator=self.rng) * _MEAN_SPREAD
            self.means[layer.name] = 1.0 + noise[0]
            self.log_variances[layer.name] = _LOG_VARIANCE + noise[1]
        self.prices = self._prices()
        self._read_by = {reader: layer for layer in self.layers for reader in layer.readers}
        self._drawn: Tensors = {}

    def _prices(self) -> dict[str, float]:
        """gamma_i / L of each layer. Raises BadData for a list of another length, and a network without units."""
        gamma, count = self.choices.gamma, len(self.layers)
        if not count:
            raise BadData("this network has no units that can leave; choose another --net or --sparsify")
        if gamma is None:
            return {layer.name: self.chosen * layer.places / 2 for layer in self.layers}
        if len(gamma) != count:
            names = ", ".join(layer.name for layer in self.layers)
            raise BadData(f"gamma has {len(gamma)} numbers, and the layers with noise are {names}")
        return {layer.name: one / count for layer, one in zip(self.layers, gamma, strict=True)}

    @override
    def extra(self) -> dict[str, tuple[torch.Tensor, float]]:
        share = max(1.0, _FULL / self.steps)
        return {
            f"{what} {name}": (tensor, share)
            for what, tensors in (("mu", self.means), ("log variance", self.log_variances))
            for name, tensor in tensors.items()
        }

    @override
    def shown(self, weights: Tensors) -> Tensors:
        self._drawn = {}
        return weights

    @override
    def entering(self, vertex: Vertex, value: torch.Tensor) -> torch.Tensor:
        layer = self._read_by.get(vertex.name)
        if layer is None:
            return value
        if layer.name not in self._drawn:
            mean, deviation = self.means[layer.name], (0.5 * self.log_variances[layer.name]).exp()
            noise = torch.randn(len(value), layer.units, generator=self.rng)
            self._drawn[layer.name] = mean + deviation * noise
        drawn = layer.spread(self._drawn[layer.name], vertex.name)
        return value * (drawn[:, :, None, None] if value.dim() == 4 else drawn)

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        for name, mean in self.means.items():
            log_variance = self.log_variances[name]
            assert mean.grad is not None
            assert log_variance.grad is not None
            square, variance = mean * mean, log_variance.exp() + _LEAST
            # of log(1 + mu^2 / sigma^2)
            mean.grad += self.prices[name] * 2 * mean / (square + variance) + _DECAY * mean
            log_variance.grad -= self.prices[name] * square / (square + variance) - _DECAY * log_variance

    def stays(self, name: str) -> torch.Tensor:
        """Which units of a layer stay, bool (units,)."""
        return self.log_variances[name] < torch.log(self.means[name] ** 2 + _LEAST)

    @torch.no_grad()
    def information(self, name: str) -> float:
        """Sum over the units of a layer of log2(1 + mu^2 / sigma^2) / 2: it bounds what its units tell of what they
        read, bits."""
        ratio = self.means[name] ** 2 / (self.log_variances[name].exp() + _LEAST)
        return float(torch.log1p(ratio).sum()) / (2 * math.log(2))

    @override
    def left(self, weights: Tensors) -> Tensors:
        folded = dict(weights)
        for layer in self.layers:
            mean = (self.means[layer.name] * self.stays(layer.name))[None]
            for reader in layer.readers:
                factor = layer.spread(mean, reader)[0]
                weight = folded[f"{reader}.weight"]
                folded[f"{reader}.weight"] = weight * factor.reshape(-1, *[1] * (weight.dim() - 2))
        return folded
