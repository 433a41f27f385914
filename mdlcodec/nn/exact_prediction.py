"""Exact predictions under weights that both sides hold (formats/two_part.md, "Prediction")."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.nn.exact_training import Recorder
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Parameter, Pass, Shape
from mdlcodec.nn.weights import Weights, fitted
from mdlcodec.nn.zoo.architecture import Architecture

# examples whose activations are in memory at once take about so many values
_VALUES_AT_ONCE = 1 << 23
_MOST_AT_ONCE = 1024


def with_units(graph: Graph, weights: Weights, inputs: Shape) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph of these weights for examples (c, h, w) or (d,), and the weights as float32.

    A hidden layer without units gets one that is always 0: no sum changes. Raises BadData where they do not fit.
    """
    bare, tensors = fitted(graph, weights, inputs)
    shapes = {name: parameter.shape for name, parameter in tensors.items()}
    full = bare.fitted({name: (max(1, shape[0]), *shape[1:]) for name, shape in shapes.items()})
    widened = {}
    for name, parameter in full.tensors(inputs).items():
        widened[name] = np.zeros(parameter.shape, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then, the products find
            widened[name][tuple(map(slice, shapes[name]))] = weights[name]
    return full, widened


class ExactNetwork:
    """A network whose weights are given, laid out once for all examples that it predicts."""

    def __init__(
        self,
        architecture: Architecture,
        weights: Weights,
        shape: Shape,
        arithmetic: Arithmetic | None = None,
        at_once: int | None = None,
    ) -> None:
        """For examples of ``shape``, (h, w, c) or (d,); ``arithmetic``: the chosen one by default; ``at_once``:
        examples computed together, by default as many as memory suits.

        Raises BadData where the weights do not fit the inputs.
        """
        self._arithmetic = chosen_arithmetic() if arithmetic is None else arithmetic
        entering = architecture.inputs_of(shape)
        self._graph, full = with_units(architecture.graph, weights, entering)
        self.outputs = self._graph.shapes(entering)[-1][0]
        # axes in memory: maps as they come, columns flattened
        self._shape = shape if len(entering) == 3 else entering
        suited = max(1, min(_MOST_AT_ONCE, _VALUES_AT_ONCE // self._graph.values(entering)))
        self._at_once = suited if at_once is None else at_once
        self._held = held(self._graph, entering, full, self._arithmetic)
        self._last = [readers[-1] if readers else -1 for readers in self._graph.readers()]

    def scores(self, x: np.ndarray, record: Recorder | None = None) -> np.ndarray:
        """Scores of every example: float32 (n, h, w, c) or (n, d) -> float32 (n, outputs).

        The same bits whatever the engine, the device, the threads and the other examples.
        Raises InexactComputation for values that are not finite.
        """
        scores = np.empty((x.shape[0], self.outputs), np.float32)
        try:
            for rows, batch in self._batches(x):
                scores[rows] = self._pass(batch, record)
        except InexactComputation as error:
            raise InexactComputation(
                "a value in the network is NaN or infinite; its labels cannot be coded with it"
            ) from error
        return scores

    def _batches(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, x.shape[0], self._at_once):
            rows = slice(start, min(start + self._at_once, x.shape[0]))
            yield rows, np.ascontiguousarray(x[rows], np.float32).reshape(-1, *self._shape)

    def _pass(self, batch: np.ndarray, record: Recorder | None) -> np.ndarray:
        functions, run = self._arithmetic.functions, Pass(self._arithmetic, training=False)
        values: list[Any] = [functions.array(batch)]
        for number, (vertex, (weights, statistics)) in enumerate(
            zip(self._graph.vertices, self._held, strict=True)
        ):
            entering = (values[value] for value in vertex.inputs)
            values.append(vertex.node.forward(run, weights, statistics, *entering)[0])
            if record is not None:
                record(vertex.name, functions.read(values[-1]))
            for value in vertex.inputs:  # values that nothing reads any more are freed
                if self._last[value] == number:
                    values[value] = None
        return functions.read(values[-1])


def held(
    graph: Graph, inputs: Shape, weights: Mapping[str, np.ndarray], arithmetic: Arithmetic
) -> list[tuple[list[Any], Any]]:
    """Each vertex' parameters as engines hold them, and its statistics one after another."""
    array, arrays = arithmetic.functions.array, []
    for vertex, shapes in graph.entering(inputs):
        parameters: dict[str, Parameter] = vertex.node.parameters(*shapes)
        held = [array(p.to_held(weights[f"{vertex.name}.{name}"])) for name, p in parameters.items()]
        moved = [weights[f"{vertex.name}.{name}"] for name in vertex.node.statistics(*shapes)]
        arrays.append((held, array(np.concatenate(moved)) if moved else None))
    return arrays


def exact_outputs(
    architecture: Architecture, weights: Weights, x: np.ndarray, arithmetic: Arithmetic | None = None
) -> np.ndarray:
    """Scores of every example, float32 (n, h, w, c) or (n, d) -> float32 (n, k); see `ExactNetwork`."""
    return ExactNetwork(architecture, weights, x.shape[1:], arithmetic).scores(x)


def outputs_memory(architecture: Architecture, inputs: Shape, outputs: int, n: int) -> int:
    """Bytes that `exact_outputs` takes for n examples (h, w, c) or (d,) besides inputs and weights, estimated from
    above, if no layer is wider than nominal. Raises BadData for inputs that do not fit."""
    graph, entering = architecture.for_targets(inputs, outputs)
    # values, integers, scales and addresses of places, and patches of a convolution, a few times 16 MiB; the
    # weights as float32, integers and planes
    values = graph.values(entering)
    parameters = sum(math.prod(p.shape) for p in graph.tensors(entering).values())  # integers
    return 48 * max(values, min(_VALUES_AT_ONCE, n * values)) + 48 * parameters + (1 << 27)
