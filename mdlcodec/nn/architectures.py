"""The layered feed-forward networks that are transmitted: their layers, and which tensors fit them.

A network of the two-part codes is a list of (weight, bias), one for each layer: weights (out, in, kernel,
kernel) or (out, in), biases (out,). Widths may be any: what was pruned away is not transmitted.
Adding an architecture is one entry in ``ARCHITECTURES`` (formats/two_part.md, "Architectures").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.errors import BadData, Unsupported

Shape = tuple[int, ...]
Weights = list[tuple[np.ndarray, np.ndarray]]
"""Weight and bias of each layer."""


@dataclass(frozen=True)
class Layer:
    """A convolution (stride 1, no padding) or a fully connected layer; then 2x2 max pooling, then ReLU."""

    kind: str  # "convolution" or "linear"
    relu: bool = False
    pool: bool = False
    kernel: int | None = None  # side of a convolution's kernel


@dataclass(frozen=True)
class Layered:
    """An architecture; ``number`` is its id in the header of label files.

    Before the first linear layer, maps are flattened channels first, then rows, then columns; inputs that
    enter it directly keep their own order (rows, columns, channels).
    """

    name: str
    number: int
    layers: tuple[Layer, ...]
    widths: tuple[int, ...]  # nominal outputs of the layers but the last

    @property
    def needs_images(self) -> bool:
        """Whether the inputs enter a convolution."""
        return self.layers[0].kind == "convolution"

    @property
    def layer_names(self) -> tuple[str, ...]:
        """conv1, conv2, .., fc1, fc2, ..: each kind of layer numbered from 1."""
        found, counts = [], {"conv": 0, "fc": 0}
        for layer in self.layers:
            kind = "conv" if layer.kind == "convolution" else "fc"
            counts[kind] += 1
            found.append(f"{kind}{counts[kind]}")
        return tuple(found)

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """Names of the tensors in their order: conv1.weight, conv1.bias, .., fc1.weight, .."""
        return tuple(f"{layer}.{part}" for layer in self.layer_names for part in ("weight", "bias"))

    def smallest_side(self) -> int:
        """Sides that images need at least, so that no map becomes empty."""
        side = 1
        for layer in reversed(self.layers):
            if layer.kind == "convolution":
                assert layer.kernel is not None
                side = (2 * side if layer.pool else side) + layer.kernel - 1
        return side

    def inputs_of(self, shape: Shape) -> Shape:
        """The shape in which examples of ``shape``, (h, w, c) or (d,), enter the first layer.

        Raises BadData for inputs that do not fit.
        """
        if not self.needs_images:
            return (math.prod(shape),)
        if len(shape) != 3:
            raise BadData(f"--net {self.name} needs images, and these inputs are columns; {_OTHER_NET}")
        side = self.smallest_side()
        if min(shape[:2]) < side:
            raise BadData(
                f"--net {self.name} needs images of at least {side}x{side} places, and these have "
                f"{shape[0]}x{shape[1]}; {_OTHER_NET}"
            )
        return shape

    def takes(self, shape: Shape) -> bool:
        """Whether examples of that shape fit."""
        return not self.needs_images or (len(shape) == 3 and min(shape[:2]) >= self.smallest_side())

    def maps(self, shape: Shape) -> list[Shape]:
        """What enters each layer, without channels: (h, w) before convolutions, () before linear layers
        except for the first of them, whose (h, w) is flattened; ``shape`` as `inputs_of` gives it."""
        places: Shape = shape[:2] if self.needs_images else ()
        found = []
        for layer in self.layers:
            found.append(places)
            if layer.kind == "linear":
                places = ()
            else:
                assert layer.kernel is not None
                step = 2 if layer.pool else 1
                places = tuple((side - layer.kernel + 1) // step for side in places)
        return found

    def shapes(self, inputs: Shape, outputs: int) -> list[Shape]:
        """Nominal shapes of the weights for examples of shape ``inputs`` and so many outputs.

        Raises BadData for inputs that do not fit.
        """
        shape = self.inputs_of(inputs)
        fan_in = shape[-1]
        found: list[Shape] = []
        for layer, places, width in zip(self.layers, self.maps(shape), (*self.widths, outputs), strict=True):
            if layer.kind == "convolution":
                assert layer.kernel is not None
                found.append((width, fan_in, layer.kernel, layer.kernel))
            else:
                found.append((width, fan_in * math.prod(places)))
            fan_in = width
        return found

    def parameters(self, inputs: Shape, outputs: int) -> int:
        """Nominal number of weights and biases."""
        return sum(math.prod(shape) + shape[0] for shape in self.shapes(inputs, outputs))  # integers


_CONVOLUTION = Layer("convolution", pool=True, kernel=5)
ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        # as Caffe's: no ReLU after the convolutions; Zhou et al. 2018 prune and quantise this one
        Layered(
            "lenet5",
            4,
            (_CONVOLUTION, _CONVOLUTION, Layer("linear", relu=True), Layer("linear")),
            (20, 50, 500),
        ),
        Layered(
            "lenet-300-100",
            5,
            (Layer("linear", relu=True), Layer("linear", relu=True), Layer("linear")),
            (300, 100),
        ),
    )
}
_OTHER_NET = "choose another --net"


def architecture_named(name: str) -> Layered:
    """The architecture of that name; raises BadData for an unknown one."""
    if name not in ARCHITECTURES:
        raise BadData(f"no layered network named {name!r}; choose one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def chosen_from(table: Mapping[str, Layered], code: str, net: str, shape: Shape) -> Layered:
    """The network of that name, or what `auto` takes: the first that takes examples of that shape.

    Raises BadData for one that the table, which is that of ``code``, does not have, or that does not fit.
    """
    if net == "auto":
        net = next(name for name, architecture in table.items() if architecture.takes(shape))
    if net not in table:
        raise BadData(
            f"--code {code} has no network named {net!r}; choose one of {', '.join(['auto', *table])}"
        )
    table[net].inputs_of(shape)  # does it fit?
    return table[net]


def numbered_in(table: Mapping[str, Layered], code: str, number: int) -> Layered:
    """The network with that number in the header of a file of ``code``; raises Unsupported for an unknown one."""
    for architecture in table.values():
        if architecture.number == number:
            return architecture
    raise Unsupported(
        f"the file uses network number {number} with --code {code}, which this version does not know; "
        "upgrade mdlcodec"
    )


def weights_of(
    architecture: Layered, arrays: Sequence[np.ndarray], *, layouts: Sequence[bool] = (False, True)
) -> Weights:
    """The arrays of a file, in its order, as weights and biases; views in (out, in, ...) of the same dtypes.

    arrays: weight and bias of each layer in turn. Weights are all (out, in, kernel, kernel) and (out, in), or all
    as TensorFlow has them, (kernel, kernel, in, out) and (in, out); where both fit, the former.
    ``layouts``: which of the two are tried, True for TensorFlow's.
    Raises BadData that says what does not fit.
    """
    count = 2 * len(architecture.layers)
    if len(arrays) != count:
        raise BadData(
            f"{architecture.name} has {count} tensors (weight and bias of {count // 2} layers), not {len(arrays)}"
        )
    problems = []
    for tensorflow in layouts:
        weights, problem = _arranged(architecture, arrays, tensorflow)
        if problem is None:
            return weights
        problems.append(problem)
    # what fits neither way is told as the more usual layout sees it
    raise BadData(f"these tensors are not those of {architecture.name}: {problems[0]}")


def _arranged(
    architecture: Layered, arrays: Sequence[np.ndarray], tensorflow: bool
) -> tuple[Weights, str | None]:
    """Weights and biases under one layout, and what does not fit, if anything."""
    weights: Weights = []
    before: Layer | None = None
    width = None
    for i, layer in enumerate(architecture.layers):
        weight, bias = arrays[2 * i], arrays[2 * i + 1]
        where = f"layer {i + 1} ({layer.kind})"
        for array in (weight, bias):
            if array.dtype.kind not in "fiu":
                return weights, f"{where} has elements of type {array.dtype}"
        axes = 4 if layer.kind == "convolution" else 2
        if weight.ndim != axes or bias.ndim != 1:
            return weights, (
                f"{where} should have a weight of {axes} axes and a bias of one, not of shapes {weight.shape} "
                f"and {bias.shape}"
            )
        if tensorflow:
            weight = weight.transpose(3, 2, 0, 1) if axes == 4 else weight.T
        if axes == 4 and weight.shape[2:] != (layer.kernel, layer.kernel):
            return weights, f"{where} has kernels of {arrays[2 * i].shape}, not {layer.kernel}x{layer.kernel}"
        if weight.shape[0] != bias.shape[0]:
            return weights, f"{where} has a weight of {weight.shape} and a bias of {bias.shape}"
        flattens = before is not None and before.kind == "convolution" and layer.kind == "linear"
        fan_in = weight.shape[1]
        if width is not None and not (
            fan_in == width or (flattens and fan_in == fan_in // max(width, 1) * width)
        ):
            return weights, f"{where} takes {fan_in} values, and the layer before it gives {width}"
        weights.append((weight, bias))
        before, width = layer, bias.shape[0]
    return weights, None


def check_fit(architecture: Layered, weights: Weights, inputs: Shape, outputs: int) -> None:
    """Raise BadData unless the weights take examples of shape ``inputs`` and give so many outputs."""
    shape = architecture.inputs_of(inputs)
    fan_in = shape[-1]
    for i, (layer, places) in enumerate(zip(architecture.layers, architecture.maps(shape), strict=True)):
        weight, bias = weights[i]
        wanted = fan_in * math.prod(places) if layer.kind == "linear" else fan_in
        if weight.shape[1] != wanted:
            raise BadData(
                f"the network does not fit these inputs: its layer {i + 1} takes {weight.shape[1]} values, "
                f"not {wanted}"
            )
        fan_in = bias.shape[0]
    if fan_in != outputs:
        raise BadData(f"the network gives {fan_in} outputs, and there are {outputs} classes")
