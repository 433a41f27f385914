"""A network: a sequence of layers over one flat float32 vector of weights and running statistics."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.random import Stream
from mdlcodec.nn.layers import Layer, Pass, Shape


def _size(shapes: Sequence[Shape]) -> int:
    total = 0
    for shape in shapes:
        size = 1
        for extent in shape:
            size *= extent
        total += size
    return total


def _split(vector: np.ndarray, shapes: Sequence[Sequence[Shape]]) -> list[list[np.ndarray]]:
    """Views of a flat vector, by layer."""
    views, start = [], 0
    for row in shapes:
        parts = []
        for shape in row:
            stop = start + _size([shape])
            parts.append(vector[start:stop].reshape(shape))
            start = stop
        views.append(parts)
    return views


class Network:
    """Layers applied in turn.

    ``state`` is float32 (parameters + statistics,): the weights in layer order, then the running statistics.
    ``vector`` is the same as an array of the kind that the arithmetic's functions take (on the CPU, the very
    same), changed in place by training; predictions take any vector like it, an average for example.
    """

    def __init__(
        self, layers: Sequence[Layer], inputs: Shape, arithmetic: Arithmetic, initial: Stream, noise: Stream
    ) -> None:
        self._layers, self._arithmetic, self._noise, self._batches = layers, arithmetic, noise, 0
        self._shapes: list[list[Shape]] = []
        self._statistics: list[list[Shape]] = []
        arrays, shape = [], inputs
        for layer in layers:
            arrays += layer.initial(shape, initial)
            self._shapes.append(layer.shapes(shape))
            self._statistics.append(layer.statistics(shape))
            shape = layer.outputs(shape)
        self._parameters = sum(array.size for array in arrays)  # integers
        statistics = sum(_size(shapes) for shapes in self._statistics)  # integers
        state = np.zeros(self._parameters + statistics, np.float32)
        state[: self._parameters] = np.concatenate([array.reshape(-1) for array in arrays])
        self._functions = arithmetic.functions
        self.vector: Any = self._functions.array(state)
        self._gradient = self._functions.array(np.zeros(self._parameters, np.float32))
        self._gradients = _split(self._gradient, self._shapes)
        # below the lowest layer with weights no gradient is needed
        self._lowest = next((i for i, shapes in enumerate(self._shapes) if shapes), len(layers))
        self._trained = self._views(self.vector)

    @property
    def state(self) -> np.ndarray:
        """See the class."""
        return self._functions.read(self.vector)

    @property
    def weights(self) -> np.ndarray:
        """The trained part of ``state``, float32 (parameters,)."""
        return self.state[: self._parameters]

    @property
    def trained(self) -> Any:
        """The trained part of ``vector``, a view."""
        return self.vector[: self._parameters]

    def _views(self, state: Any) -> list[tuple[list[np.ndarray], tuple[np.ndarray, ...]]]:
        """Views of a state: each layer's weights and its running statistics."""
        weights = _split(state[: self._parameters], self._shapes)
        statistics = _split(state[self._parameters :], self._statistics)
        return [(arrays, tuple(moved)) for arrays, moved in zip(weights, statistics, strict=True)]

    def _forward(
        self, x: np.ndarray, views: list[tuple[list[np.ndarray], tuple[np.ndarray, ...]]], run: Pass
    ) -> tuple[np.ndarray, list[Any]]:
        """Scores, and what each layer's backward pass needs."""
        kept = []
        for layer, (weights, run.statistics) in zip(self._layers, views, strict=True):
            x, saved = layer.forward(x, weights, run)
            kept.append(saved)
        return x, kept

    def gradient(
        self, x: np.ndarray, classes: np.ndarray, smoothing: float, objective: Any = None
    ) -> tuple[float, Any, np.ndarray]:
        """Loss of a batch (nats a label), its gradient, float32 (parameters,), an array like ``vector`` that is
        valid until the next call, and the probabilities of the classes given, float64 (N,).

        x: float32 (N, *inputs); classes: integers (N,), or an ``objective``'s targets (predictors.objectives).
        """
        run = Pass(self._arithmetic, training=True, batches=self._batches, noise=self._noise)
        scores, kept = self._forward(self._functions.array(x), self._trained, run)
        if objective is None:
            loss, saved = self._functions.cross_entropy.forward(scores, classes, smoothing)
            (g,), true = self._functions.cross_entropy.backward(saved), saved[1]
        else:
            loss, g, true = objective.loss(self._functions, scores, classes, smoothing)
        for i in range(len(self._layers) - 1, self._lowest - 1, -1):
            assert g is not None
            g, *gradients = self._layers[i].backward(kept[i], g, i > self._lowest, self._gradients[i])
            for view, gradient in zip(self._gradients[i], gradients, strict=True):
                if gradient is not view:
                    view[...] = gradient
        self._batches += 1
        return loss, self._gradient, true

    def predict(self, x: np.ndarray, state: Any) -> np.ndarray:
        """Scores under a state like ``vector``: float32 (N, *inputs) -> float32 (N, k)."""
        run = Pass(self._arithmetic, training=False)
        return self._functions.read(self._forward(self._functions.array(x), self._views(state), run)[0])


def count_activations(layers: Sequence[Layer], inputs: Shape) -> int:
    """Values per example that a pass over the layers makes, the inputs counted too."""
    total = _size([inputs])
    for layer in layers:
        inputs = layer.outputs(inputs)
        total += _size([inputs])
    return total


def count_parameters(layers: Sequence[Layer], inputs: Shape) -> int:
    """Number of weights, before any is allocated."""
    total = 0
    for layer in layers:
        total += _size(layer.shapes(inputs))
        inputs = layer.outputs(inputs)
    return total
