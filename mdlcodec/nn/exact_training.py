"""Training that both sides repeat: a graph over one flat float32 vector of weights and running statistics."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.random import Stream
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.losses import Loss, cross_entropy
from mdlcodec.nn.node import Pass, Shape
from mdlcodec.saved import Saved, taken, whole

Recorder = Callable[[str, np.ndarray], None]
"""Is told the name of a vertex and its value for the examples computed, channels last."""


def _size(shape: Shape) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def _split(vector: Any, shapes: Sequence[Sequence[Shape]]) -> list[list[Any]]:
    """Views of a flat vector, by vertex."""
    views, start = [], 0
    for row in shapes:
        parts = []
        for shape in row:
            stop = start + _size(shape)
            parts.append(vector[start:stop].reshape(shape))
            start = stop
        views.append(parts)
    return views


class Network:
    """A graph for inputs of one shape, and its weights.

    ``state`` is float32 (parameters + statistics,): the parameters in the graph's order, as engines hold them, then
    the running statistics. ``vector`` is the same as an array of the kind that the arithmetic's functions take (on
    the CPU, the very same), changed in place by training; predictions take any vector like it, an average for
    example.
    """

    def __init__(
        self, graph: Graph, inputs: Shape, arithmetic: Arithmetic, initial: Stream, noise: Stream
    ) -> None:
        """inputs: shape of an example, (c, h, w) or (d,)."""
        self._graph, self._arithmetic, self._noise, self._batches = graph, arithmetic, noise, 0
        self._shapes: list[list[Shape]] = []
        self._statistics: list[list[Shape]] = []
        arrays = []
        # of every value: whether something below it is trained, so that it needs a gradient
        self._trains = [False]
        for vertex, shapes in graph.entering(inputs):
            arrays += vertex.node.initial(initial, *shapes)
            held = [parameter.held for parameter in vertex.node.parameters(*shapes).values()]
            self._shapes.append(held)
            moved = vertex.node.statistics(*shapes).values()
            self._statistics.append([(sum(_size(shape) for shape in moved),)])  # integers
            self._trains.append(bool(held) or any(self._trains[value] for value in vertex.inputs))
        self._last_readers = [readers[-1] if readers else -1 for readers in graph.readers()]
        self._parameters = sum(array.size for array in arrays)  # integers
        statistics = sum(row[0][0] for row in self._statistics)  # integers
        state = np.zeros(self._parameters + statistics, np.float32)
        if arrays:
            state[: self._parameters] = np.concatenate([array.reshape(-1) for array in arrays])
        self._functions = arithmetic.functions
        self.vector: Any = self._functions.array(state)
        self._gradient = self._functions.array(np.zeros(self._parameters, np.float32))
        self._gradients = _split(self._gradient, self._shapes)
        self._trained = self.views(self.vector)

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

    @property
    def layout(self) -> list[tuple[int, Shape]]:
        """Where each tensor begins in ``trained``, and its shape as engines hold it."""
        places, start = [], 0
        for shape in (shape for row in self._shapes for shape in row):
            places.append((start, shape))
            start += _size(shape)
        return places

    def saved(self) -> dict[str, np.ndarray]:
        """What training has changed: ``state``, the batches seen and the noise used."""
        noise = np.array(self._noise.position, np.int64)
        return {"state": self.state, "batches": np.array(self._batches, np.int64), "noise": noise}

    def restore(self, saved: Saved) -> None:
        """Goes on from there. Raises CorruptFile."""
        shape = tuple(self.vector.shape)
        self.vector[...] = self._functions.array(taken(saved, "state", np.float32, shape))
        self._batches = whole(saved, "batches")
        self._noise.seek(whole(saved, "noise"))

    def views(self, state: Any) -> list[tuple[list[Any], Any]]:
        """Views of a state like ``vector``: each vertex' parameters and its running statistics."""
        weights = _split(state[: self._parameters], self._shapes)
        statistics = _split(state[self._parameters :], self._statistics)
        return [(arrays, moved) for arrays, (moved,) in zip(weights, statistics, strict=True)]

    def _forward(
        self, x: Any, views: list[tuple[list[Any], Any]], run: Pass, record: Recorder | None = None
    ) -> tuple[Any, list[Any]]:
        """The outputs, and what each vertex' backward pass needs."""
        values, kept = [x], []
        for number, (vertex, (weights, statistics)) in enumerate(
            zip(self._graph.vertices, views, strict=True)
        ):
            value, saved = vertex.node.forward(
                run, weights, statistics, *(values[entering] for entering in vertex.inputs)
            )
            values.append(value)
            if record is not None:
                record(vertex.name, self._functions.read(value))
            kept.append(saved if run.training else None)
            for entering in vertex.inputs:  # values that nothing reads any more are freed
                if self._last_readers[entering] == number:
                    values[entering] = None
        return values[-1], kept

    def gradient(
        self, x: np.ndarray, targets: np.ndarray, smoothing: float, loss: Loss = cross_entropy
    ) -> tuple[float, Any, Any]:
        """Loss of a batch (nats a label), its gradient, float32 (parameters,), an array like ``vector`` that is
        valid until the next call, and the probabilities of the classes given, float64 (N,), if there are classes.

        x: float32 (N, h, w, c) or (N, d); targets (N,): see `mdlcodec.nn.losses`.
        """
        run = Pass(self._arithmetic, training=True, batches=self._batches, noise=self._noise)
        outputs, kept = self._forward(self._functions.array(x), self._trained, run)
        value, g, true = loss(self._arithmetic, outputs, targets, smoothing)
        self._backward(kept, g)
        self._batches += 1
        return value, self._gradient, true

    def _backward(self, kept: list[Any], g: Any) -> None:
        """Fills the gradient, from that of the outputs. Where a value enters several vertices, their gradients are
        added from the last vertex to the first (formats/arithmetic.md, section 6)."""
        add, slopes = self._functions.add, {len(kept): g}
        for number in range(len(kept) - 1, -1, -1):
            g = slopes.pop(number + 1, None)
            if g is None or not self._trains[number + 1]:
                continue
            vertex, views = self._graph.vertices[number], self._gradients[number]
            wanted = [self._trains[value] for value in vertex.inputs]
            entering, gradients = vertex.node.backward(kept[number], g, wanted, views)
            for view, gradient in zip(views, gradients, strict=True):
                if gradient is not view:
                    view[...] = gradient
            for value, slope, needed in zip(vertex.inputs, entering, wanted, strict=True):
                if needed:
                    slopes[value] = add.forward(slopes[value], slope)[0] if value in slopes else slope

    def predict(self, x: np.ndarray, state: Any, record: Recorder | None = None) -> np.ndarray:
        """Outputs under a state like ``vector``: float32 (N, h, w, c) or (N, d) -> float32 (N, outputs)."""
        run = Pass(self._arithmetic, training=False)
        views = self.views(state)
        return self._functions.read(self._forward(self._functions.array(x), views, run, record)[0])
