"""A factorised Gaussian posterior over the weights of a network, in torch's float32.

Blier & Ollivier 2018, section 3.3: the posterior q is N(mean, deviation^2) for each weight, the prior p is
N(0, variance) with one variance for each tensor. All weights and biases are places of one flat vector.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import torch

from mdlcodec.nn.graph import Vertex
from mdlcodec.nn.node import Shape
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender import twins
from mdlcodec.sender.float_network import by_vertex, walk

LEAST_DEVIATION = 1e-7  # of a prior; below what a file can say
_WEIGHT_START = 0.1  # deviation at the start, as a share of the means' spread
_BIAS_START = 0.05


class Posterior:
    """Means and deviations, float32 tensors (d,) over the flat vector of weights, and their prior."""

    def __init__(
        self, architecture: Architecture, shape: Shape, k: int, size: float, generator: torch.Generator
    ) -> None:
        """For examples of that shape; ``size``: root mean square of the inputs."""
        self.architecture = architecture
        self.generator = generator
        self._graph = architecture.graph.for_outputs(k)
        tensors = architecture.tensors(shape, k)
        self.names, self.shapes = list(tensors), [parameter.shape for parameter in tensors.values()]
        ends = list(itertools.accumulate(math.prod(shape) for shape in self.shapes))
        self.slices = [slice(*pair) for pair in zip([0, *ends], ends, strict=False)]
        d = ends[-1]
        self.mean, self.log_deviation = torch.zeros(d), torch.full((d,), math.log(_BIAS_START))
        for i, (places, extents) in enumerate(zip(self.slices, self.shapes, strict=True)):
            if len(extents) == 1:  # a bias
                continue
            gain = 1.0 / math.sqrt(math.prod(extents[1:])) / (max(size, 1e-6) if i == 0 else 1.0)
            self.mean[places] = gain * torch.randn(places.stop - places.start, generator=generator)
            self.log_deviation[places] = math.log(_WEIGHT_START * gain)
        self.free = torch.ones(d, dtype=torch.bool)  # those that are not fixed to their means
        self.prior_deviation = torch.ones(d)
        self.mean.requires_grad_()
        self.log_deviation.requires_grad_()

    def fix(self, places: torch.Tensor | slice, values: torch.Tensor | float) -> None:
        """The weights at these places are known from now on."""
        with torch.no_grad():
            self.mean[places] = values
            self.free[places] = False

    def deviation(self) -> torch.Tensor:
        """The deviation of each weight; 0 for those that are fixed."""
        return torch.where(self.free, self.log_deviation.exp(), 0.0)

    @torch.no_grad()
    def set_prior(self, deviations: Sequence[float]) -> None:
        """One standard deviation for each tensor."""
        for places, deviation in zip(self.slices, deviations, strict=True):
            self.prior_deviation[places] = max(float(deviation), LEAST_DEVIATION)

    @torch.no_grad()
    def best_prior(self) -> list[float]:
        """The deviations under which the KL is least: of each tensor, the root mean square of its weights."""
        square = self.mean**2 + self.deviation() ** 2
        return [math.sqrt(float(square[places].mean())) for places in self.slices]

    @torch.no_grad()
    def divergence(self) -> torch.Tensor:
        """KL(q, p) of each weight in nats, float32 (d,); 0 for those that are fixed."""
        variance = self.prior_deviation**2
        ratio = self.deviation() ** 2 / variance
        divergence = 0.5 * (ratio + self.mean**2 / variance - 1.0 - ratio.clamp(min=1e-30).log())
        return torch.where(self.free, divergence, 0.0)

    @torch.no_grad()
    def add_divergence(self, price: torch.Tensor | float) -> None:
        """Adds the gradient of the KL, times a price for each weight, to the gradients."""
        assert self.mean.grad is not None
        assert self.log_deviation.grad is not None
        price, variance = torch.where(self.free, price, 0.0), self.prior_deviation**2
        self.mean.grad += price * self.mean / variance
        self.log_deviation.grad += price * (self.deviation() ** 2 / variance - 1.0)

    def scores(self, batch: torch.Tensor) -> torch.Tensor:
        """Scores (m, k) of a batch (m, c, h, w) or (m, d), under weights from the posterior.

        A linear layer samples its outputs (local reparametrisation, Kingma et al. 2015), a convolution its
        filters, once for the batch.
        """
        means, deviations = self._arranged(self.mean), by_vertex(self._arranged(self.deviation()))

        def step(vertex: Vertex, own: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor]) -> torch.Tensor:
            if not own:
                return twins.forward(vertex.node, own, x, training=True)
            return twins.sampled(vertex.node, own, deviations[vertex.name], x, self.generator)

        return walk(self._graph, means, batch, step)

    def means(self) -> dict[str, torch.Tensor]:
        """The tensors of the means, by name."""
        return self._arranged(self.mean.detach())

    def _arranged(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """A flat vector (d,) as the network's tensors by name; views."""
        return {
            name: flat[places].view(shape)
            for name, places, shape in zip(self.names, self.slices, self.shapes, strict=True)
        }
