"""The weights of a network by name, as they travel: do they fit the graph, the inputs, one another?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Parameter, Shape
from mdlcodec.nn.nodes.flatten import Flatten
from mdlcodec.nn.nodes.linear import Linear
from mdlcodec.nn.zoo.architecture import Architecture

Weights = Mapping[str, np.ndarray]
"""Tensors by the names of `Graph.tensors`, in PyTorch's layout."""

_COUNTER = "num_batches_tracked"  # beside running statistics in PyTorch's state dicts; predictions need none
_SHOWN = 4


def fitted(graph: Graph, weights: Weights, inputs: Shape) -> tuple[Graph, dict[str, Parameter]]:
    """The graph with the widths of these weights, for examples (c, h, w) or (d,), and its tensors.

    Hidden layers without units have width 0. Raises BadData where the weights do not fit.
    """
    named = graph.for_outputs(1).tensors(inputs)  # names and numbers of axes are those of all widths
    missing, more = sorted(set(named) - set(weights)), sorted(set(weights) - set(named))
    if missing or more:
        what = f"misses {_shown(missing)}" if missing else f"has {_shown(more)} besides its own tensors"
        raise BadData(f"the network {what}")
    for name, parameter in named.items():
        if weights[name].ndim != len(parameter.shape):
            raise BadData(
                f"{name} should have {len(parameter.shape)} axes, not the shape {weights[name].shape}"
            )
    narrowed = graph.fitted(_shapes(weights))
    tensors = narrowed.tensors(inputs)
    for name, parameter in tensors.items():
        shape, layer = weights[name].shape, name.rpartition(".")[0]
        if shape == parameter.shape:
            continue
        if len(shape) > 1 and len(shape) == len(parameter.shape) and shape[1] != parameter.shape[1]:
            raise BadData(
                f"the network does not fit these inputs: {layer} takes {shape[1]} values, not {parameter.shape[1]}"
            )
        raise BadData(f"the network does not fit: {name} has shape {shape}, not {parameter.shape}")
    return narrowed, tensors


def check_fit(architecture: Architecture, weights: Weights, inputs: Shape, outputs: int) -> None:
    """Raise BadData unless the weights take examples of shape ``inputs``, (h, w, c) or (d,), and give so many
    outputs."""
    graph, entering = architecture.for_targets(inputs, outputs)
    narrowed, _ = fitted(graph, weights, entering)
    given = narrowed.shapes(entering)[-1][-1]
    if given != outputs:
        wanted = f"there are {outputs} classes" if outputs > 1 else "a real number takes one"
        raise BadData(f"the network gives {given} outputs, and {wanted}")


def order_of(architecture: Architecture, names: Sequence[str], shapes: Sequence[Shape]) -> list[int]:
    """Where each of a network's tensors is among those of a file, whose names and shapes these are.

    Where the names are the network's, perhaps all behind one prefix ("module."), by name: the order is any, and
    PyTorch's counters of batches are passed over. Else the tensors are in the network's order, of each layer the
    weight, the bias, then running statistics; a bias may stand before its weight, as safetensors files have it.
    Raises BadData for another number of tensors.
    """
    wanted = _described(architecture)
    places = {name: place for place, name in enumerate(names)}
    first = next(iter(wanted))
    for name in names:
        prefix = name[: len(name) - len(first)]
        if prefix + first != name or not all(prefix + other in places for other in wanted):
            continue
        own = {prefix + other for other in wanted}
        more = [other for other in names if other not in own and other.rpartition(".")[2] != _COUNTER]
        if more:
            raise BadData(f"{architecture.name} has no tensors named {_shown(more)}")
        return [places[prefix + other] for other in wanted]
    _check_number(architecture, wanted, names)
    order, axes = list(range(len(names))), [len(parameter.shape) for parameter in wanted.values()]
    for i in range(len(order) - 1):
        if axes[i] > 1 and axes[i + 1] == 1 and len(shapes[i]) == 1 and len(shapes[i + 1]) > 1:
            order[i], order[i + 1] = i + 1, i
    return order


def weights_of(
    architecture: Architecture,
    arrays: Sequence[np.ndarray],
    names: Sequence[str] = (),
    *,
    layouts: Sequence[bool] = (False, True),
) -> dict[str, np.ndarray]:
    """The arrays of a file as the tensors of a network; views in PyTorch's layout, of the same dtypes.

    ``names``: where they are given, `order_of` says which array is which; else they are in the network's order.
    Weights are all (out, in, kernel, kernel) and (out, in), or all as TensorFlow has them, (kernel, kernel, in,
    out) and (in, out); where both fit, the former. ``layouts``: which of the two are tried, True for TensorFlow's.
    Raises BadData that says what does not fit.
    """
    wanted = _described(architecture)
    if names:
        arrays = [arrays[i] for i in order_of(architecture, names, [array.shape for array in arrays])]
    _check_number(architecture, wanted, [""] * len(arrays))
    problems = []
    for tensorflow in layouts:
        weights, problem = _arranged(architecture, wanted, arrays, tensorflow)
        if problem is None:
            return weights
        problems.append(problem)
    # what fits neither way is told as the more usual layout sees it
    raise BadData(f"these tensors are not those of {architecture.name}: {problems[0]}")


def channels_entering(architecture: Architecture, weights: Weights) -> int:
    """How many channels, or columns, the examples have that these weights are for. Raises BadData."""
    shapes_after = [_smallest(architecture, 1)]
    for vertex in architecture.graph.fitted(_shapes(weights)).vertices:
        shapes = [shapes_after[entering] for entering in vertex.inputs]
        for name, parameter in vertex.node.parameters(*shapes).items():
            if len(parameter.shape) > 1:  # the first layer: what does it take for one channel?
                return weights[f"{vertex.name}.{name}"].shape[1] // max(1, parameter.shape[1])
        shapes_after.append(vertex.node.outputs(*shapes))
    return 1


def _check_number(architecture: Architecture, wanted: Mapping[str, Parameter], names: Sequence[str]) -> None:
    if len(names) == len(wanted):
        return
    missing = [name for name in wanted if name not in names]
    # of a file with the network's own names, what is not there is said
    what = f"; {_shown(missing)} not among them" if len(missing) < len(wanted) else ""
    raise BadData(
        f"{architecture.name} has {len(wanted)} tensors ({_shown(list(wanted))}), not {len(names)}{what}"
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", .." if len(names) > _SHOWN else "")


def _shapes(weights: Weights) -> dict[str, Shape]:
    return {name: array.shape for name, array in weights.items()}


def _smallest(architecture: Architecture, channels: int) -> Shape:
    """The shape (c, h, w) or (d,) of the smallest square images, or so many columns. Raises BadData."""
    side = architecture.smallest_side()
    if side is None:
        raise BadData(f"--net {architecture.name} fits images of no size")
    return (channels, side, side) if architecture.needs_images else (channels,)


def _described(architecture: Architecture) -> dict[str, Parameter]:
    """The tensors for some inputs: their names and numbers of axes are those of all inputs. Raises BadData."""
    shape = architecture.smallest_shape
    if shape is None:
        raise BadData(f"--net {architecture.name} fits images of no size")
    return architecture.tensors(shape, 2)


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
            plural = "axis" if axes == 1 else "axes"
            return weights, f"{name} should have {axes} {plural}, not the shape {array.shape}"
        if tensorflow and axes > 1:
            # (k, k, in, out) -> (out, in, k, k); (in, out) -> (out, in)
            array = array.transpose(3, 2, 0, 1) if axes == 4 else array.T
        if axes == 4 and array.shape[2:] != parameter.shape[2:]:
            kernel = "x".join(map(str, parameter.shape[2:]))
            return weights, f"{name} of shape {array.shape} has no kernels of {kernel}"
        weights[name] = array
    return weights, _problem(architecture, weights)


def _problem(architecture: Architecture, weights: Weights) -> str | None:
    """What does not fit within the network, whatever the inputs; None if all may.

    The nodes say what they take for the smallest images, and a layer that reads flattened maps may take more: a
    multiple of their channels.
    """
    graph = architecture.graph.fitted(_shapes(weights))
    channels: dict[int, int] = {}  # of values that are flattened maps
    try:
        shapes_after = [_smallest(architecture, channels_entering(architecture, weights))]
        for value, vertex in enumerate(graph.vertices, 1):
            shapes = [shapes_after[entering] for entering in vertex.inputs]
            of = channels.get(vertex.inputs[0])
            own: dict[str, Shape] = {name: p.shape for name, p in vertex.node.parameters(*shapes).items()}
            own |= vertex.node.statistics(*shapes)
            for name, wanted in own.items():
                places = None if name == "bias" and isinstance(vertex.node, Linear) else of
                problem = _misfit(vertex.name, name, weights[f"{vertex.name}.{name}"].shape, wanted, places)
                if problem is not None:
                    return problem
            shapes_after.append(vertex.node.outputs(*shapes))
            if isinstance(vertex.node, Flatten) and len(shapes[0]) == 3:
                channels[value] = shapes[0][0]
            elif of is not None and not isinstance(vertex.node, Linear):
                channels[value] = of
    except BadData as error:
        return str(error)
    return None


def _misfit(layer: str, name: str, shape: Shape, wanted: Shape, channels: int | None) -> str | None:
    """What is wrong with a tensor's shape; ``channels``: of the flattened maps that enter the layer."""
    if shape == wanted:
        return None
    axis = 1 if len(wanted) > 1 else 0
    if channels is not None and shape[:axis] == wanted[:axis]:
        if shape[axis] == shape[axis] // max(channels, 1) * channels:
            return None
        return f"{layer} takes {shape[axis]} values, no multiple of the {channels} channels before it"
    if axis:
        return f"{layer} takes {shape[1]} values, and what is before it gives {wanted[1]}"
    return f"{layer} has a {name} of {shape[0]} values, and {wanted[0]} outputs"
