"""A graph in torch's float32, which autograd differentiates: for what no receiver repeats.

Tensors are a dict by the names of `Graph.tensors`; values are (N, c, h, w) or (N, d).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mdlcodec.exact.guard import sender_alone
from mdlcodec.nn.exact_prediction import with_units
from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender import twins

Tensors = dict[str, torch.Tensor]
Step = Callable[[Vertex, Mapping[str, torch.Tensor], Sequence[torch.Tensor]], torch.Tensor]
"""Computes a vertex' value from its own tensors and its inputs."""

_AT_ONCE = 512  # examples


def walk(graph: Graph, tensors: Mapping[str, torch.Tensor], batch: torch.Tensor, step: Step) -> torch.Tensor:
    """The graph's outputs, each vertex computed by ``step``."""
    own = by_vertex(tensors)
    last = [readers[-1] if readers else -1 for readers in graph.readers()]
    values: list[Any] = [batch]
    for number, vertex in enumerate(graph.vertices):
        values.append(step(vertex, own.get(vertex.name, {}), [values[value] for value in vertex.inputs]))
        for value in vertex.inputs:  # values that nothing reads any more are freed
            if last[value] == number:
                values[value] = None
    outputs: torch.Tensor = values[-1]
    return outputs


def by_vertex(tensors: Mapping[str, torch.Tensor]) -> dict[str, Tensors]:
    """The tensors of each vertex, by its name and then by their own names."""
    tensors_of: dict[str, Tensors] = {}
    for name, tensor in tensors.items():
        vertex, _, own = name.rpartition(".")
        tensors_of.setdefault(vertex, {})[own] = tensor
    return tensors_of


def float_forward(
    graph: Graph,
    tensors: Mapping[str, torch.Tensor],
    batch: torch.Tensor,
    *,
    training: bool = False,
    record: Callable[[str, torch.Tensor], None] | None = None,
) -> torch.Tensor:
    """Outputs (N, k); ``record`` is told each vertex' name and value."""

    def step(vertex: Vertex, own: Mapping[str, torch.Tensor], x: Sequence[torch.Tensor]) -> torch.Tensor:
        value = twins.forward(vertex.node, own, x, training)
        if record is not None:
            record(vertex.name, value)
        return value

    return walk(graph, tensors, batch, step)


def arranged(architecture: Architecture, x: np.ndarray) -> torch.Tensor:
    """Examples (n, h, w, c) or (n, d) as networks read them, float32: (n, c, h, w), or (n, d)."""
    if len(architecture.inputs_of(x.shape[1:])) == 3:
        x = x.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(x, np.float32))


def initial_tensors(graph: Graph, inputs: Shape, normals: Callable[[Shape], torch.Tensor]) -> Tensors:
    """He initialisation of the weights (He et al. 2015) from standard normals, in the graph's order; biases 0,
    gains 1, running statistics of nothing seen: mean 0, variance 1."""
    initial: Tensors = {}
    for vertex, shapes in graph.entering(inputs):
        for name, parameter in vertex.node.parameters(*shapes).items():
            shape = parameter.shape
            if len(shape) > 1:
                initial[f"{vertex.name}.{name}"] = normals(shape) * (2 / int(np.prod(shape[1:]))) ** 0.5
            else:
                gain = vertex.node.statistics(*shapes) and name == "weight"
                initial[f"{vertex.name}.{name}"] = torch.full(shape, 1.0 if gain else 0.0)
        for name, shape in vertex.node.statistics(*shapes).items():
            initial[f"{vertex.name}.{name}"] = torch.full(shape, float(name == "running_var"))
    return initial


def float_outputs(architecture: Architecture, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Scores of every example in torch's float32: (n, h, w, c) or (n, d) -> float32 (n, k).

    Close to `exact_outputs`, and another result on every machine. Raises BadData where the weights do not fit.
    """
    graph, full = with_units(architecture.graph, weights, architecture.inputs_of(x.shape[1:]))
    tensors = {name: torch.from_numpy(array) for name, array in full.items()}
    examples, outputs = arranged(architecture, x), []
    with sender_alone(), torch.no_grad():
        for start in range(0, len(examples), _AT_ONCE):
            outputs.append(float_forward(graph, tensors, examples[start : start + _AT_ONCE]))
    return torch.cat(outputs).numpy()
