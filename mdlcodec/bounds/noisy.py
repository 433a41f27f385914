"""A network with Gaussian noise on its non-zero weights: how often it errs, by sampling.

Every trial draws an example, uniformly and with replacement, and new noise; trials are therefore independent and
alike, and the number of errors is binomial. In a linear layer the noise of the outputs is drawn, which is
independent and Gaussian given what enters; in a convolution, whose places share it, that of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.nn.architectures import Layer, Layered, Shape, Weights

_VALUES_AT_ONCE = 1 << 24


class NoisyNetwork:
    """The stochastic classifier of Theorem 5.1 of Zhou et al. 2018, on examples x (n, ...) of classes y (n,)."""

    def __init__(self, architecture: Layered, weights: Weights, x: np.ndarray, y: np.ndarray) -> None:
        self._architecture = architecture
        self._shape = architecture.inputs_of(x.shape[1:])
        maps = architecture.maps(self._shape)
        self._weights = [
            (torch.from_numpy(weight), torch.from_numpy(bias))
            for weight, bias in _without_gaps(weights, maps)
        ]
        self._x, self._y = x, y
        largest = 1
        for layer, places, (weight, _) in zip(architecture.layers, maps, self._weights, strict=True):
            patches = places[0] * places[1] if layer.kind == "convolution" else 1
            largest = max(largest, (weight[0].numel() + len(weight)) * patches, weight.numel())
        self._at_once = max(1, min(512, _VALUES_AT_ONCE // largest))

    def errors(self, sigmas: Sequence[float | None], trials: int, generator: torch.Generator) -> int:
        """Errors in so many trials; ``sigmas``: standard deviation of each layer's noise, None for none."""
        wrong = 0
        with torch.no_grad():
            for start in range(0, trials, self._at_once):
                count = min(self._at_once, trials - start)
                rows = torch.randint(len(self._x), (count,), generator=generator).numpy()
                batch = torch.from_numpy(np.ascontiguousarray(self._x[rows], np.float32))
                scores = self._scores(batch.reshape(-1, *self._shape), sigmas, generator)
                wrong += int((scores.argmax(1).numpy() != self._y[rows]).sum())
        return wrong

    def _scores(
        self, values: torch.Tensor, sigmas: Sequence[float | None], generator: torch.Generator
    ) -> torch.Tensor:
        if self._architecture.needs_images:
            values = values.permute(0, 3, 1, 2)
        for layer, (weight, bias), sigma in zip(
            self._architecture.layers, self._weights, sigmas, strict=True
        ):
            if layer.kind == "convolution":
                values = _convolution(layer, values, weight, bias, sigma, generator)
            else:
                values = _linear(values.flatten(1), weight, bias, sigma, generator)
            if layer.pool:
                values = functional.max_pool2d(values, 2)
            if layer.relu:
                values = functional.relu(values)
        return values


def _without_gaps(weights: Weights, maps: list[Shape]) -> Weights:
    """As float32; a hidden layer without units gets one that is always 0, so that there is one to compute.

    ``maps``: (h, w) of what enters each layer, () for columns, as Layered.maps gives them.
    """
    found: Weights = []
    missing = False  # the layer before had no units
    for i, ((weight, bias), places) in enumerate(zip(weights, maps, strict=True)):
        kernel = weight.shape[2:]
        columns = weight.shape[1]
        if missing:
            columns = 1 if kernel else math.prod(places)
        missing = not len(bias) and i + 1 < len(weights)
        full = np.zeros((1 if missing else len(bias), columns, *kernel), np.float32)
        full[: len(bias), : weight.shape[1]] = weight
        found.append((full, np.zeros(1, np.float32) if missing else np.array(bias, np.float32)))
    return found


def _linear(
    values: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    sigma: float | None,
    generator: torch.Generator,
) -> torch.Tensor:
    outputs = functional.linear(values, weight, bias)
    if sigma is None:
        return outputs
    # sum over non-zero weights of noise * value: Gaussian, variance sigma^2 * sum of squares
    squares = functional.linear(values * values, (weight != 0).to(weight.dtype))
    return outputs + sigma * squares.sqrt() * torch.randn(outputs.shape, generator=generator)


def _convolution(
    layer: Layer,
    values: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    sigma: float | None,
    generator: torch.Generator,
) -> torch.Tensor:
    if sigma is None:
        return functional.conv2d(values, weight, bias)
    assert layer.kernel is not None
    count, outputs = len(values), len(weight)
    flat = weight.reshape(outputs, -1)  # (out, in * kernel * kernel)
    used = torch.nonzero((flat != 0).any(0))[:, 0]  # patches' places that some weight looks at
    flat = flat[:, used]
    noise = torch.zeros(count, *flat.shape)
    drawn = torch.randn(count, int((flat != 0).sum()), generator=generator)
    noise[:, flat != 0] = sigma * drawn
    patches = functional.unfold(values, layer.kernel)[:, used]  # (count, used, places)
    sides = [side - layer.kernel + 1 for side in values.shape[2:]]
    return (torch.matmul(flat + noise, patches) + bias[:, None]).reshape(count, outputs, *sides)
