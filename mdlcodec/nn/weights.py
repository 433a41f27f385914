"""The weights of a network by name, as they travel: do they fit the graph, the inputs, one another?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Parameter, Shape
from mdlcodec.nn.zoo.architecture import Architecture

Weights = Mapping[str, np.ndarray]
"""Tensors by the names of `Graph.tensors`, in PyTorch's layout."""


def fitted(graph: Graph, weights: Weights, inputs: Shape) -> tuple[Graph, dict[str, Parameter]]:
    """The graph with the widths of these weights, for examples (c, h, w) or (d,), and its tensors.

    Hidden layers without units have width 0. Raises BadData where the weights do not fit.
    """
    named = graph.for_outputs(1).tensors(inputs)  # names and numbers of axes are those of all widths
    if set(named) != set(weights):
        missing, more = sorted(set(named) - set(weights)), sorted(set(weights) - set(named))
        problem = f"has no tensors {', '.join(more)}" if more else f"needs tensors {', '.join(missing)}"
        raise BadData(f"the network {problem}")
    for name, parameter in named.items():
        if weights[name].ndim != len(parameter.shape):
            raise BadData(
                f"{name} should have {len(parameter.shape)} axes, not the shape {weights[name].shape}"
            )
    found = graph.fitted({name: array.shape for name, array in weights.items()})
    tensors = found.tensors(inputs)
    for name, parameter in tensors.items():
        shape = weights[name].shape
        if shape == parameter.shape:
            continue
        layer = name.rpartition(".")[0]
        if len(shape) > 1 and len(shape) == len(parameter.shape) and shape[1] != parameter.shape[1]:
            raise BadData(
                f"the network does not fit these inputs: {layer} takes {shape[1]} values, not {parameter.shape[1]}"
            )
        raise BadData(f"the network does not fit: {name} has shape {shape}, not {parameter.shape}")
    return found, tensors


def check_fit(architecture: Architecture, weights: Weights, inputs: Shape, outputs: int) -> None:
    """Raise BadData unless the weights take examples of shape ``inputs``, (h, w, c) or (d,), and give so many
    outputs."""
    graph, entering = architecture.for_targets(inputs, outputs)
    found, _ = fitted(graph, weights, entering)
    given = found.shapes(entering)[-1][0]
    if given != outputs:
        raise BadData(f"the network gives {given} outputs, and there are {outputs} classes")


def weights_of(
    architecture: Architecture,
    arrays: Sequence[np.ndarray],
    names: Sequence[str] = (),
    *,
    layouts: Sequence[bool] = (False, True),
) -> dict[str, np.ndarray]:
    """The arrays of a file as the tensors of a network; views in PyTorch's layout, of the same dtypes.

    Where their ``names`` are the network's, by name; else in its order: of each layer the weight, then the bias,
    then running statistics. Weights are all (out, in, kernel, kernel) and (out, in), or all as TensorFlow has them,
    (kernel, kernel, in, out) and (in, out); where both fit, the former. ``layouts``: which of the two are tried,
    True for TensorFlow's. Raises BadData that says what does not fit.
    """
    wanted = _described(architecture)
    if set(wanted) <= set(names):
        by_name = dict(zip(names, arrays, strict=True))
        arrays = [by_name[name] for name in wanted]
    if len(arrays) != len(wanted):
        raise BadData(
            f"{architecture.name} has {len(wanted)} tensors ({', '.join(list(wanted)[:4])}, ..), not {len(arrays)}"
        )
    problems = []
    for tensorflow in layouts:
        weights, problem = _arranged(architecture, wanted, arrays, tensorflow)
        if problem is None:
            return weights
        problems.append(problem)
    # what fits neither way is told as the more usual layout sees it
    raise BadData(f"these tensors are not those of {architecture.name}: {problems[0]}")


def _described(architecture: Architecture) -> dict[str, Parameter]:
    """The tensors of the smallest inputs: their names and numbers of axes are those of all inputs."""
    side = architecture.smallest_side()
    assert side is not None
    return architecture.tensors((side, side, 1) if architecture.needs_images else (side,), 2)


def _arranged(
    architecture: Architecture,
    wanted: Mapping[str, Parameter],
    arrays: Sequence[np.ndarray],
    tensorflow: bool,
) -> tuple[dict[str, np.ndarray], str | None]:
    """Weights under one layout, and what does not fit, if anything."""
    weights: dict[str, np.ndarray] = {}
    for (name, parameter), array in zip(wanted.items(), arrays, strict=True):
        axes = len(parameter.shape)
        if array.dtype.kind not in "fiu":
            return weights, f"{name} has elements of type {array.dtype}"
        if array.ndim != axes:
            return weights, f"{name} should have {axes} axes, not the shape {array.shape}"
        if tensorflow and axes > 1:
            # (k, k, in, out) -> (out, in, k, k); (in, out) -> (out, in)
            array = array.transpose(3, 2, 0, 1) if axes == 4 else array.T
        if axes == 4 and array.shape[2:] != parameter.shape[2:]:
            kernel = "x".join(map(str, parameter.shape[2:]))
            return weights, f"{name} of shape {array.shape} has no kernels of {kernel}"
        weights[name] = array
    return weights, _problem(architecture, weights)


def _problem(architecture: Architecture, weights: Mapping[str, np.ndarray]) -> str | None:
    """What does not fit within the network, whatever the inputs; None if all may."""
    graph = architecture.graph.fitted({name: array.shape for name, array in weights.items()})
    widths: list[int | None] = [None]  # channels or columns of each value, None for the inputs'
    flattened = [False]
    for vertex in graph.vertices:
        before = [widths[value] for value in vertex.inputs]
        own = {
            name.rpartition(".")[2]: array.shape
            for name, array in weights.items()
            if name.rpartition(".")[0] == vertex.name
        }
        flat = any(flattened[value] for value in vertex.inputs)
        width = before[0]
        weight, bias = own.get("weight"), own.get("bias")
        if weight is not None and len(weight) > 1:
            takes = weight[1]
            if (
                width is not None
                and takes != width
                and not (flat and takes == takes // max(width, 1) * width)
            ):
                return f"{vertex.name} takes {takes} values, and what is before it gives {width}"
            width, flat = weight[0], False
        elif weight is not None and width is not None and weight[0] != width:
            return f"{vertex.name} is for {weight[0]} channels, and what is before it gives {width}"
        if bias is not None and width is not None and bias[0] != width:
            return f"{vertex.name} has a weight for {width} outputs and a bias of {bias}"
        if width is not None and len(own) > 2 and any(shape != (width,) for shape in own.values()):
            return f"{vertex.name} has statistics of other shapes than {(width,)}"
        if len(before) == 2 and before[0] != before[1]:
            return f"{vertex.name} adds {before[0]} and {before[1]} channels"
        added = getattr(vertex.node, "added", 0)
        widths.append(None if width is None else width + 2 * added)
        flattened.append(flat or type(vertex.node).__name__ == "Flatten")
    return None
