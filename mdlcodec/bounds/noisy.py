"""A network with Gaussian noise on its non-zero weights: how often it errs, by sampling.

Every trial draws an example, uniformly and with replacement, and new noise; trials are therefore independent and
alike, and the number of errors is binomial. In a linear layer the noise of the outputs is drawn, which is
independent and Gaussian given what enters; in a convolution, whose places share it, that of the weights. All else
(biases, gains, running statistics, nodes without tensors) is as `sender.twins` has it, without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.nn.exact_prediction import with_units
from mdlcodec.nn.graph import Vertex
from mdlcodec.nn.nodes import Convolution, Linear
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo.architecture import Architecture
from mdlcodec.sender import twins
from mdlcodec.sender.float_network import arranged, walk

_VALUES_AT_ONCE = 1 << 24

Own = Mapping[str, torch.Tensor]


class NoisyNetwork:
    """The stochastic classifier of Theorem 5.1 of Zhou et al. 2018, on examples x (n, ...) of classes y (n,)."""

    def __init__(self, architecture: Architecture, weights: Weights, x: np.ndarray, y: np.ndarray) -> None:
        """x: float32 (n, h, w, c) or (n, d). Raises BadData where the weights do not fit."""
        self._architecture = architecture
        entering = architecture.inputs_of(x.shape[1:])
        self._graph, full = with_units(architecture.graph, weights, entering)
        self._tensors = {name: torch.from_numpy(array) for name, array in full.items()}
        self._x, self._y = x, y
        largest = self._graph.values(entering)
        for vertex, shapes in self._graph.entering(entering):
            if isinstance(vertex.node, Convolution | Linear):
                weight = self._tensors[f"{vertex.name}.weight"]
                patches = shapes[0][1] * shapes[0][2] if isinstance(vertex.node, Convolution) else 1
                largest = max(largest, (weight[0].numel() + len(weight)) * patches, weight.numel())
        self._at_once = max(1, min(512, _VALUES_AT_ONCE // largest))

    def errors(
        self, sigmas: Sequence[float | None], trials: int, generator: torch.Generator, top: int = 1
    ) -> int:
        """Errors in so many trials; ``sigmas``: standard deviation of the noise of each linear layer and
        convolution, in the network's order, None for none; ``top``: see `misses`."""
        deviations = dict(zip(self._architecture.layer_names, sigmas, strict=True))

        def step(vertex: Vertex, own: Own, x: Sequence[torch.Tensor]) -> torch.Tensor:
            sigma = deviations.get(vertex.name)
            if sigma is not None and isinstance(vertex.node, Convolution):
                return _convolution(vertex.node, own, x[0], sigma, generator)
            if sigma is not None and isinstance(vertex.node, Linear):
                return _linear(vertex.node, own, x[0], sigma, generator)
            return twins.forward(vertex.node, own, x)

        wrong = 0
        with torch.no_grad():
            for start in range(0, trials, self._at_once):
                count = min(self._at_once, trials - start)
                rows = torch.randint(len(self._x), (count,), generator=generator).numpy()
                batch = arranged(self._architecture, self._x[rows])
                scores = walk(self._graph, self._tensors, batch, step)
                wrong += int(np.count_nonzero(misses(scores.numpy(), self._y[rows], top)))
        return wrong


def misses(scores: np.ndarray, y: np.ndarray, top: int) -> np.ndarray:
    """Whether classes y (m,) are not among the ``top`` largest of scores (m, k), the first of equal ones, bool
    (m,)."""
    own = np.take_along_axis(scores, y[:, None], 1)  # (m, 1)
    first = (scores == own) & (np.arange(scores.shape[1]) < y[:, None])
    before: np.ndarray = np.count_nonzero((scores > own) | first, axis=1)
    return before >= top


def _linear(
    node: Linear, own: Own, x: torch.Tensor, sigma: float, generator: torch.Generator
) -> torch.Tensor:
    outputs = twins.forward(node, own, [x])
    # sum over non-zero weights of noise * value: Gaussian, variance sigma^2 * sum of squares
    squares = functional.linear(x * x, (own["weight"] != 0).to(x.dtype))
    return outputs + sigma * squares.sqrt() * torch.randn(outputs.shape, generator=generator)


def _convolution(
    node: Convolution, own: Own, x: torch.Tensor, sigma: float, generator: torch.Generator
) -> torch.Tensor:
    """Each example has noise of its own, so that it is a product of patches."""
    count, outputs = len(x), node.channels
    flat = own["weight"].reshape(outputs, -1)  # (out, in * kernel * kernel)
    used = torch.nonzero((flat != 0).any(0))[:, 0]  # patches' places that some weight looks at
    flat = flat[:, used]
    noise = torch.zeros(count, *flat.shape)
    drawn = torch.randn(count, int((flat != 0).sum()), generator=generator)
    noise[:, flat != 0] = sigma * drawn
    patches = functional.unfold(x, node.kernel, padding=node.padding, stride=node.stride)[:, used]
    sums = torch.matmul(flat + noise, patches)  # (count, out, places)
    if node.bias:
        sums = sums + own["bias"][:, None]
    return sums.reshape(count, *node.outputs(tuple(x.shape[1:])))
