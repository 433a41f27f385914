"""Dead units go from the tensors of a file before they are packed; the outputs are equal, and that is checked.

Names, order and layout of the tensors, and the bits of what is left, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn.graph import channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights, channels_entering, fitted, order_of, weights_of
from mdlcodec.nn.zoo.architecture import Architecture
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.sequential_outputs import sequential_outputs

ExampleProgress = Callable[[str, int, int | None], None]

_CHECKS = 64  # random inputs on which the outputs are compared
_SEED = 0
_EXAMPLES_AT_ONCE = 256
# sides of random images, where the network takes any: the first that fits
_SIDES = (*range(16, 1025), *range(15, 0, -1))


@dataclass(frozen=True)
class Dropped:
    """Units of each linear layer and convolution before and after, and on how many inputs the outputs were found
    equal."""

    net: str
    before: list[int]
    after: list[int]
    checked_random: int
    checked_inputs: int


def drop_dead_units(
    architecture: Architecture,
    tensors: Sequence[Tensor],
    inputs: np.ndarray | None = None,
    progress: ExampleProgress | None = None,
) -> tuple[list[Tensor], Dropped]:
    """The tensors without dead units, and what went.

    tensors: of one network, in an order and a layout that `weights_of` knows by their names.
    inputs: float32 features (n, h, w, c) or (n, d) on which the outputs are compared too.
    Raises BadData for tensors that do not fit, are empty, or are not finite.
    """
    order = order_of(architecture, [t.name for t in tensors], [t.shape for t in tensors])
    ordered = [tensors[i] for i in order]
    for tensor in ordered:
        if tensor.patterns.size == 0:
            raise BadData(f"tensor {quoted(tensor.name)} is empty; leave --drop-dead out")
        if not np.isfinite(tensor.array()).all():
            raise BadData(
                f"tensor {quoted(tensor.name)} holds NaN or infinite values, so nothing is known of the outputs; "
                "leave --drop-dead out"
            )
    layout = _layout(architecture, ordered)
    weights = _values(architecture, ordered, layout)
    alive = live_units(architecture.graph, weights)
    # where each element that is left stands in the file's tensor, in the file's layout
    places = [np.arange(tensor.patterns.size).reshape(tensor.shape) for tensor in ordered]
    kept = shrunk(architecture.graph, weights_of(architecture, places, layouts=(layout,)), alive)
    result = list(tensors)
    for i, tensor, place, left in zip(order, ordered, places, kept.values(), strict=True):
        result[i] = Tensor(tensor.name, tensor.dtype, _gathered(tensor.patterns, place, left))
    after = _values(architecture, [result[i] for i in order], layout)
    checked = _check(architecture, weights, after, inputs, progress)
    sizes = ([len(units) for units in alive.values()], [int(units.sum()) for units in alive.values()])
    return result, Dropped(architecture.name, *sizes, *checked)


def _layout(architecture: Architecture, tensors: Sequence[Tensor]) -> bool:
    """Which of `weights_of`'s layouts it is: what is left may fit the other one as well. Raises BadData."""
    arrays = [tensor.array() for tensor in tensors]
    try:
        weights_of(architecture, arrays, layouts=(False,))
    except BadData:
        weights_of(architecture, arrays)
        return True
    return False


def _values(architecture: Architecture, tensors: Sequence[Tensor], layout: bool) -> Weights:
    arrays = [tensor.array().astype(np.float64) for tensor in tensors]
    return weights_of(architecture, arrays, layouts=(layout,))


def _gathered(patterns: np.ndarray, places: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The patterns at the places that are left, in the layout of the whole: which axis keeps which indices."""
    flat = np.zeros(patterns.size, bool)
    flat[left.reshape(-1)] = True
    mask = flat.reshape(places.shape)
    axes = range(mask.ndim)
    indices = [
        np.flatnonzero(mask.any(axis=tuple(other for other in axes if other != axis))) for axis in axes
    ]
    return np.ascontiguousarray(patterns[np.ix_(*indices)])


def _check(
    architecture: Architecture,
    before: Weights,
    after: Weights,
    inputs: np.ndarray | None,
    progress: ExampleProgress | None,
) -> tuple[int, int]:
    """On how many random and given inputs the outputs were compared; they are equal, or this raises."""
    rng = np.random.default_rng(_SEED)
    shape = _input_shape(architecture, before) if inputs is None else inputs.shape[1:]
    random = rng.standard_normal((_CHECKS, *shape))
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


def _input_shape(architecture: Architecture, weights: Weights) -> Shape:
    """The shape of an example that the weights take: square images, or columns. Raises BadData."""
    channels = channels_entering(architecture, weights)
    if not architecture.needs_images:
        return (channels,)
    for side in _SIDES:
        shape = (side, side, channels)
        try:
            fitted(architecture.graph, weights, channels_first(shape))
        except BadData:
            continue
        return shape
    raise BadData(f"no square images fit this {architecture.name}; give images that do with --inputs")
