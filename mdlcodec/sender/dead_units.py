"""Units that cannot influence the outputs of a network go, and its tensors shrink.

A unit is an output of a linear layer or a channel of a convolution. It goes when all layers that read it, behind
whatever nodes keep channels apart, have no weight for it to a unit that stays, or see it always as 0: no weight
leads to it from what is not 0, and its bias becomes 0 on the way (a negative one does behind ReLU, and so may what
normalisation by running statistics makes of it). Then some of those before and after it may go too, so this is
repeated until none is found. What goes only ever added +0 or -0 to a sum, so the outputs are equal in any
arithmetic that adds in one order (`sequential_outputs` checks it); a unit that is constant but not zero stays,
since folding it into the next biases would round differently.

All units stay of a layer whose outputs are the network's, or enter an addition or subsampling (they stand for
channels there that others share), a fold, or normalisation of flattened maps; so do inputs, the first unit of a
layer that would be empty, and the order of the units that are left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.gelu import Gelu
from mdlcodec.exact.normalisation import EPSILON
from mdlcodec.nn import nodes
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.nodes.flatten import CHANNELS_FIRST

Units = dict[str, np.ndarray]
"""For linear layers and convolutions by name, which units: bool (units,)."""

_LAYERS = (nodes.Linear, nodes.Convolution)
# what constants become is known up to rounding; signs are taken from values larger than that alone
_DOUBT = 1e-5


def live_units(graph: Graph, tensors: Mapping[str, Any]) -> Units:
    """The units that stay of every linear layer and convolution, those where all do among them.

    tensors: all of the graph's by name, arrays or torch tensors in PyTorch's layout; no layer is empty. Any values
    do that are 0 where the network's are; biases, gains and running statistics have its signs and sizes.
    """
    return _Analysis(graph, tensors).result()


def shrunk(graph: Graph, tensors: Mapping[str, Any], units: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Any arrays or torch tensors shaped like the network's (weights, masks, optimiser state), with only ``units``
    left, as `live_units` gives them; what shrinks is contiguous. Tensors and layers may be missing.
    """
    smaller = dict(tensors)
    owned: dict[str, list[str]] = {}
    for name in tensors:
        owned.setdefault(name.rpartition(".")[0], []).append(name)
    for number, stream in streams(graph).items():
        keep = units.get(graph.vertices[number].name)
        if keep is None or keep.all():
            continue
        assert not stream.pinned, f"all units of {graph.vertices[number].name} stay"
        for passed in (number, *stream.through):
            for name in owned.get(graph.vertices[passed].name, ()):
                smaller[name] = _taken(smaller[name], keep, 0)
        for reader, order in stream.readers:
            name = f"{graph.vertices[reader].name}.weight"
            if name in smaller:
                smaller[name] = _taken(smaller[name], _spread(keep, order, smaller[name].shape[1]), 1)
    return smaller


def _taken(array: Any, keep: np.ndarray, axis: int) -> Any:
    """What ``keep`` says of one axis, contiguous."""
    places = np.flatnonzero(keep)
    if isinstance(array, np.ndarray):
        return array.take(places, axis)
    import torch

    return array.index_select(axis, torch.from_numpy(places).to(array.device))


def _spread(values: np.ndarray, order: str | None, columns: int) -> np.ndarray:
    """Values of channels (c,) as those of the columns that they are flattened to."""
    if order is None:
        return values
    places = columns // len(values)
    return np.repeat(values, places) if order == CHANNELS_FIRST else np.tile(values, places)


@dataclass(frozen=True)
class Stream:
    """Where the outputs of a layer go. ``through``: vertices that keep channels apart, in their order; ``readers``:
    the layers at its end, and the order in which maps are flattened for them; ``pinned``: it goes elsewhere too."""

    through: tuple[int, ...]
    readers: tuple[tuple[int, str | None], ...]
    pinned: bool


@functools.lru_cache(maxsize=8)
def streams(graph: Graph) -> dict[int, Stream]:
    """What is known of each linear layer and convolution, by the number of its vertex, in their order."""
    return {
        number: _stream(graph, number)
        for number, vertex in enumerate(graph.vertices)
        if isinstance(vertex.node, _LAYERS)
    }


def _stream(graph: Graph, number: int) -> Stream:
    entered = graph.readers()
    through: list[int] = []
    readers: list[tuple[int, str | None]] = []
    waiting: list[tuple[int, str | None]] = [(number + 1, None)]
    pinned = False
    while waiting:
        value, order = waiting.pop()
        pinned |= value == len(graph.vertices)
        for reader in entered[value]:
            node = graph.vertices[reader].node
            if isinstance(node, _LAYERS):
                readers.append((reader, order))
            elif type(node) not in _RULES or (isinstance(node, nodes.Normalisation) and order is not None):
                pinned = True
            else:
                through.append(reader)
                if isinstance(node, nodes.Flatten) and order is None:
                    waiting.append((reader + 1, node.order))
                else:
                    waiting.append((reader + 1, order))
    return Stream(tuple(sorted(through)), tuple(readers), pinned)


@dataclass(frozen=True)
class _Known:
    """What is known of a value. ``constants``: what each channel always is, float64 (c,), NaN where it varies; None
    where nothing is known, nor how many channels there are. ``order``: in which its maps were flattened."""

    constants: np.ndarray | None = None
    order: str | None = None


class _Analysis:
    """The search for dead units: forward through the graph again and again, until no unit goes any more."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Any]) -> None:
        self._graph, self._streams = graph, streams(graph)
        self._own: dict[str, dict[str, np.ndarray]] = {vertex.name: {} for vertex in graph.vertices}
        for name, tensor in tensors.items():
            layer, _, part = name.rpartition(".")
            array = tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
            self._own[layer][part] = array if array.ndim > 1 else array.astype(np.float64)
        self._alive = {number: np.ones(len(self._of(number)["weight"]), bool) for number in self._streams}
        self._connected: dict[int, np.ndarray] = {}

    def result(self) -> Units:
        """See `live_units`."""
        while self._sweep():
            pass
        return {self._graph.vertices[number].name: alive for number, alive in self._alive.items()}

    def _of(self, number: int) -> dict[str, np.ndarray]:
        return self._own[self._graph.vertices[number].name]

    def _sweep(self) -> bool:
        """Whether a unit went."""
        values, changed = [_Known()], False
        for number, vertex in enumerate(self._graph.vertices):
            entering = [values[value] for value in vertex.inputs]
            if number not in self._streams:
                values.append(self._passed(number, *entering))
                continue
            constants = self._outputs(number, entering[0])
            if not self._streams[number].pinned:
                useful = self._useful(number, constants)
                alive = self._alive[number] & useful
                if not alive.any():
                    alive[0] = True
                changed |= not np.array_equal(alive, self._alive[number])
                self._alive[number] = alive
                # the unit that a layer keeps counts as any other
                constants = np.where(alive, np.where(useful, constants, np.nan), 0.0)
            values.append(_Known(constants))
        return changed

    def _passed(self, number: int, *entering: _Known) -> _Known:
        node = self._graph.vertices[number].node
        rule = _RULES.get(type(node)) or _MIXING.get(type(node))
        return _Known() if rule is None else rule(node, self._of(number), *entering)

    def _connections(self, number: int, channels: int | None, order: str | None) -> np.ndarray:
        """Whether a layer has a weight from each channel that it reads: bool (units, channels)."""
        if number not in self._connected:
            connected = self._of(number)["weight"] != 0
            units = len(connected)
            if channels is None or order is None or order == CHANNELS_FIRST:
                channels = connected.shape[1] if channels is None else channels
                connected = connected.reshape(units, channels, -1).any(axis=2)
            else:
                connected = connected.reshape(units, -1, channels).any(axis=1)
            self._connected[number] = connected
        return self._connected[number]

    def _outputs(self, number: int, entering: _Known) -> np.ndarray:
        """What each unit of a layer always is: its bias where nothing but 0 reaches it."""
        own, constants = self._of(number), entering.constants
        channels = None if constants is None else len(constants)
        connected = self._connections(number, channels, entering.order)
        if constants is not None:
            connected = connected & (constants != 0)  # NaN is not 0
        return np.where(connected.any(axis=1), np.nan, own.get("bias", 0.0))

    def _useful(self, number: int, constants: np.ndarray) -> np.ndarray:
        """Which units of a layer, always ``constants``, some live unit of a reader sees as other than 0."""
        stream, vertices = self._streams[number], self._graph.vertices
        values = {number + 1: _Known(constants)}
        for passed in stream.through:
            values[passed + 1] = self._passed(passed, values[vertices[passed].inputs[0]])
        useful = np.zeros(len(constants), bool)
        for reader, order in stream.readers:
            seen = values[vertices[reader].inputs[0]].constants
            assert seen is not None
            connected = self._connections(reader, len(constants), order)
            useful |= connected[self._alive[reader]].any(axis=0) & (seen != 0)
        return useful


Rule = Callable[..., _Known]
"""A node, its tensors by their own names and what is known of its inputs -> what is known of its value."""


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Rule:
    """The rule of a node that does the same to every channel."""

    def rule(node: Any, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
        return _Known(None if x.constants is None else change(x.constants), x.order)

    return rule


def _by_channel(node: nodes.DepthwiseConvolution, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
    """The bias alone where nothing but 0 enters a channel, or no weight takes it; else it varies near the edges."""
    weight = own["weight"]
    nothing = ~(weight != 0).reshape(len(weight), -1).any(axis=1)
    if x.constants is not None:
        nothing = nothing | (x.constants == 0)
    return _Known(np.where(nothing, own.get("bias", np.zeros(len(weight))), np.nan), x.order)


def _flattened(node: nodes.Flatten, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
    return _Known(x.constants, node.order if x.order is None else x.order)


def _normalised(node: nodes.Normalisation, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
    """By running statistics, as predictions have it; a gain of 0 leaves the bias."""
    mean, bias = own["running_mean"], own["bias"]
    gain = own["weight"] if node.gain else np.ones(len(bias))
    constants = np.full(len(gain), np.nan)
    if x.constants is not None:
        constants = _spread(x.constants, x.order, len(gain))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        factor = gain / np.sqrt(own["running_var"] + EPSILON)
        value = (constants - mean) * factor + bias
        rounding = _DOUBT * ((np.abs(constants) + np.abs(mean)) * np.abs(factor) + np.abs(bias))
        exact = (constants == 0) & (mean == 0) & (bias == 0) & np.isfinite(factor)
        value = np.where((np.abs(value) > rounding) | exact, value, np.nan)
    return _Known(np.where((gain == 0) & np.isfinite(factor), bias, value))


def _added(node: nodes.Addition, own: Mapping[str, np.ndarray], x: _Known, y: _Known) -> _Known:
    """Constants of one sign, so that nothing cancels."""
    if x.constants is None or y.constants is None or x.order != y.order:
        return _Known()
    same = np.sign(x.constants) * np.sign(y.constants) >= 0
    return _Known(np.where(same, x.constants + y.constants, np.nan), x.order)


def _subsampled(node: nodes.Subsampling, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
    return _Known() if x.constants is None else _Known(np.pad(x.constants, node.added))


def _folded(node: nodes.Fold, own: Mapping[str, np.ndarray], x: _Known) -> _Known:
    return _Known() if x.constants is None else _Known(np.tile(x.constants, 4))


def _same(constants: np.ndarray) -> np.ndarray:
    return constants


def _activated(constants: np.ndarray) -> np.ndarray:
    return Gelu.forward(constants.astype(np.float32))[0].astype(np.float64)


# a channel of the value is one of the input's
_RULES: Mapping[type[Any], Rule] = {
    nodes.AveragePooling: _each(_same),
    nodes.DepthwiseConvolution: _by_channel,
    nodes.Dropout: _each(_same),
    nodes.Flatten: _flattened,
    nodes.MaxPooling: _each(_same),
    nodes.Normalisation: _normalised,
    nodes.Rectify: _each(lambda constants: np.where(constants <= 0, 0.0, constants)),
    nodes.Gelu: _each(_activated),
    nodes.Tanh: _each(np.tanh),
}
_MIXING: Mapping[type[Any], Rule] = {
    nodes.Addition: _added,
    nodes.Fold: _folded,
    nodes.Subsampling: _subsampled,
}
