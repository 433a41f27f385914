"""Units that cannot influence the outputs of a layered network go, and the tensors shrink.

A hidden unit goes when every weight from it is zero, or when it is always zero: no weight leads to it from a
unit that stays, and its bias, after ReLU where its layer has one, is zero. Then some of those before and after
it may go too, so this is repeated until none is found. What goes only ever added +0 or -0 to a sum, so the
outputs are equal in any arithmetic that adds in one order (`sequential_outputs` checks it); a unit that is
constant but not zero stays, since folding it into the next biases would round differently. Inputs, outputs,
the first unit of a layer that would be empty, the names and the order of tensors, their layout and the order
of the units that are left all stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn.architectures import Layered, Shape, Weights, weights_of
from mdlcodec.sender.sequential_outputs import sequential_outputs

Progress = Callable[[str, int, int | None], None]

_CHECKS = 64  # random inputs on which the outputs are compared
_SEED = 0
_EXAMPLES_AT_ONCE = 256


@dataclass(frozen=True)
class Dropped:
    """Units of each layer before and after, and on how many inputs the outputs were found equal."""

    net: str
    before: list[int]
    after: list[int]
    checked_random: int
    checked_inputs: int


def drop_dead_units(
    architecture: Layered,
    tensors: Sequence[Tensor],
    inputs: np.ndarray | None = None,
    progress: Progress | None = None,
) -> tuple[list[Tensor], Dropped]:
    """The tensors without dead units, and what went.

    tensors: weight and bias of each layer in turn, in either order, in a layout that `weights_of` knows.
    inputs: float32 features (n, h, w, c) or (n, d) on which the outputs are compared too.
    Raises BadData for tensors that do not fit, are empty, or are not finite.
    """
    order = _weight_before_bias(tensors)
    ordered = [tensors[i] for i in order]
    for tensor in ordered:
        if tensor.patterns.size == 0:
            raise BadData(f"tensor {quoted(tensor.name)} is empty; leave --drop-dead out")
        if not np.isfinite(tensor.array()).all():
            raise BadData(
                f"tensor {quoted(tensor.name)} holds NaN or infinite values, so nothing is known of the outputs; "
                "leave --drop-dead out"
            )
    weights = _values(architecture, ordered)
    alive = live_units(architecture, weights)
    # where each element that is left stands in the file's tensor, in the file's layout
    places = [np.arange(tensor.patterns.size).reshape(tensor.shape) for tensor in ordered]
    kept = _kept(weights_of(architecture, places), alive)
    shrunk = []
    for tensor, place, index in zip(ordered, places, kept, strict=True):
        shrunk.append(Tensor(tensor.name, tensor.dtype, _gathered(tensor.patterns, place, index)))
    left = _values(architecture, shrunk)
    checked = _check(architecture, weights, left, inputs, progress)
    result = [shrunk[order.index(i)] for i in range(len(tensors))]
    before = [int(bias.shape[0]) for _, bias in weights]
    return result, Dropped(architecture.name, before, [int(a.sum()) for a in alive], *checked)


def _weight_before_bias(tensors: Sequence[Tensor]) -> list[int]:
    """Indices of the tensors so that each weight comes before its bias (safetensors files have it after)."""
    order = list(range(len(tensors)))
    for i in range(0, len(tensors) - 1, 2):
        if len(tensors[i].shape) == 1 and len(tensors[i + 1].shape) > 1:
            order[i], order[i + 1] = i + 1, i
    return order


def _values(architecture: Layered, tensors: Sequence[Tensor]) -> Weights:
    return [
        (weight.astype(np.float64), bias.astype(np.float64))
        for weight, bias in weights_of(architecture, [tensor.array() for tensor in tensors])
    ]


def live_units(architecture: Layered, weights: Weights) -> list[np.ndarray]:
    """Which units of each layer stay, bool (units,); weights as `weights_of` gives them, finite."""
    connected = [_connections(weights, i) for i in range(len(weights))]
    alive = [np.ones(bias.shape[0], bool) for _, bias in weights]
    while True:
        before = [mask.copy() for mask in alive]
        for i in range(len(weights) - 1):
            fed = connected[i] if i == 0 else connected[i][:, alive[i - 1]]
            bias = weights[i][1]
            speaks = bias > 0 if architecture.layers[i].relu else bias != 0
            read = connected[i + 1][alive[i + 1]].any(axis=0)
            alive[i] &= read & (fed.any(axis=1) | speaks)
            if not alive[i].any():
                alive[i][0] = True
        if all(np.array_equal(a, b) for a, b in zip(alive, before, strict=True)):
            return alive


def _connections(weights: Weights, i: int) -> np.ndarray:
    """Whether layer i has a weight from each unit of the layer before (each channel of the inputs)."""
    weight = weights[i][0]
    units = weight.shape[1] if i == 0 else weights[i - 1][1].shape[0]
    return (weight.reshape(weight.shape[0], units, -1) != 0).any(axis=2)


def _kept(places: Weights, alive: list[np.ndarray]) -> list[np.ndarray]:
    """The places of what is left of each weight and bias."""
    kept: list[np.ndarray] = []
    for i, (weight, bias) in enumerate(places):
        left = weight[alive[i]]
        if i:
            each = weight.shape[1] // alive[i - 1].size  # places of a map that is flattened
            left = left[:, np.repeat(alive[i - 1], each)]
        kept += [left, bias[alive[i]]]
    return kept


def _gathered(patterns: np.ndarray, places: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The patterns at the places that are left, in the layout of the whole: which axis keeps which indices."""
    flat = np.zeros(patterns.size, bool)
    flat[left.reshape(-1)] = True
    mask = flat.reshape(patterns.shape)
    axes = range(patterns.ndim)
    indices = [
        np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != axis))) for axis in axes
    ]
    return np.ascontiguousarray(patterns[np.ix_(*indices)])


def _check(
    architecture: Layered,
    before: Weights,
    after: Weights,
    inputs: np.ndarray | None,
    progress: Progress | None,
) -> tuple[int, int]:
    """On how many random and given inputs the outputs were compared; they are equal, or this raises."""
    rng = np.random.default_rng(_SEED)
    random = rng.standard_normal((_CHECKS, *_input_shape(architecture, before)))
    samples = [random] if inputs is None else [random, inputs]
    total = sum(x.shape[0] for x in samples)
    done = 0
    for x in samples:
        for start in range(0, x.shape[0], _EXAMPLES_AT_ONCE):
            batch = x[start : start + _EXAMPLES_AT_ONCE]
            old = sequential_outputs(architecture, before, batch)
            if not np.isfinite(old).all():
                raise BadData(
                    "the network's outputs are not finite and cannot be compared; leave --drop-dead out"
                )
            if not np.array_equal(old, sequential_outputs(architecture, after, batch)):
                raise MdlcodecError("the outputs changed when dead units were dropped; please report this")
            done += batch.shape[0]
            if progress is not None:
                progress("comparing outputs", done, total)
    return _CHECKS, total - _CHECKS


def _input_shape(architecture: Layered, weights: Weights) -> Shape:
    """The shape of one example: square images of the smallest side that the first linear layer allows."""
    channels = weights[0][0].shape[1]
    if not architecture.needs_images:
        return (channels,)
    first = next(i for i, layer in enumerate(architecture.layers) if layer.kind == "linear")
    units = weights[first - 1][1].shape[0]
    area = weights[first][0].shape[1] // units
    side = math.isqrt(area)
    if side * side != area:
        raise BadData(f"the maps that enter layer {first + 1} are not square: {area} places")
    for layer in reversed(architecture.layers[:first]):
        assert layer.kernel is not None
        side = (2 * side if layer.pool else side) + layer.kernel - 1
    return (side, side, channels)
