"""A network by name: its graph, and which inputs it is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph, channels_first
from mdlcodec.nn.node import Parameter, Shape
from mdlcodec.nn.nodes import (
    Addition,
    AveragePooling,
    Convolution,
    DepthwiseConvolution,
    Dropout,
    Fold,
    Gelu,
    Linear,
    MaxPooling,
    Normalisation,
    Rectify,
    Subsampling,
    Tanh,
)

_SIDES = (*range(1, 129), 256, 512, 1024)  # of images, looked for
_OF_MAPS = (AveragePooling, Convolution, DepthwiseConvolution, Fold, MaxPooling, Subsampling)
_KEEP_SHAPES = (Addition, Dropout, Gelu, Normalisation, Rectify, Tanh)


@dataclass(frozen=True)
class Architecture:
    """``number``: its id in the header of label files; ``version``: of a network of one's own (`zoo.register`).

    Its last linear layer leaves its width open.
    """

    name: str
    number: int
    graph: Graph = field(repr=False)
    version: int = 0

    @cached_property
    def needs_images(self) -> bool:
        """Whether the inputs enter as maps: what they reach, shape unchanged, takes nothing else."""
        same = {0}
        for number, vertex in enumerate(self.graph.vertices, 1):
            if not same.isdisjoint(vertex.inputs):
                if isinstance(vertex.node, _OF_MAPS):
                    return True
                if isinstance(vertex.node, _KEEP_SHAPES):
                    same.add(number)
        return False

    @property
    def is_prequential(self) -> bool:
        """Whether both sides may train it (formats/prequential.md, "Networks by name"): every node takes what the
        one before it gives, and none convolves each channel by itself."""
        return all(
            vertex.inputs == (number,) and not isinstance(vertex.node, DepthwiseConvolution)
            for number, vertex in enumerate(self.graph.vertices)
        )

    @property
    def layers(self) -> tuple[Convolution | Linear, ...]:
        """The linear layers and convolutions, in their order."""
        return tuple(v.node for v in self.graph.vertices if isinstance(v.node, (Convolution, Linear)))

    def inputs_of(self, shape: Shape) -> Shape:
        """The shape (c, h, w) or (d,) in which examples of ``shape``, (h, w, c) or (d,), enter.

        Raises BadData for inputs that do not fit.
        """
        if self.needs_images and len(shape) != 3:
            raise BadData(f"--net {self.name} needs images, and these inputs are columns; {_OTHER_NET}")
        entering = channels_first(shape)
        try:
            self.graph.for_outputs(2).shapes(entering)
        except BadData as error:
            side = self.smallest_side()
            if len(shape) == 3 and side is not None and min(shape[:2]) < side:
                raise BadData(
                    f"--net {self.name} needs images of at least {side}x{side} places, and these have "
                    f"{shape[0]}x{shape[1]}; {_OTHER_NET}"
                ) from error
            raise BadData(f"--net {self.name} does not fit these inputs: {error}; {_OTHER_NET}") from error
        return entering

    def takes(self, shape: Shape) -> bool:
        """Whether examples of that shape, (h, w, c) or (d,), fit."""
        try:
            self.inputs_of(shape)
        except BadData:
            return False
        return True

    def smallest_side(self) -> int | None:
        """Sides that square images need at least, 1 for columns; None where no inputs fit."""
        shape = self.smallest_shape
        return None if shape is None else shape[0] if self.needs_images else 1

    @cached_property
    def smallest_shape(self) -> Shape | None:
        """Of the smallest examples that fit, (h, w, c) or (d,): of one channel, or, where that does not fit, of as
        many as some layer has. None where none is found."""
        graph, first = self.graph.for_outputs(2), (1, 2, 3, 4)
        widths = {
            layer.channels if isinstance(layer, Convolution) else layer.width or 1 for layer in self.layers
        }
        for channels in (*first, *sorted(widths - set(first))):
            for side in _SIDES if self.needs_images else (1,):
                shape = (side, side, channels) if self.needs_images else (channels,)
                try:
                    graph.shapes(channels_first(shape))
                except BadData:
                    continue
                return shape
        return None

    def for_targets(self, shape: Shape, outputs: int) -> tuple[Graph, Shape]:
        """The graph with so many outputs, and the shape in which examples of ``shape`` enter it.

        Raises BadData for inputs that do not fit.
        """
        return self.graph.for_outputs(outputs), self.inputs_of(shape)

    def tensors(self, shape: Shape, outputs: int) -> dict[str, Parameter]:
        """Its tensors of nominal widths by name, for examples of ``shape``, (h, w, c) or (d,).

        Raises BadData for inputs that do not fit.
        """
        graph, entering = self.for_targets(shape, outputs)
        return graph.tensors(entering)

    def parameters(self, shape: Shape, outputs: int) -> int:
        """Nominal number of weights, biases and running statistics."""
        graph, entering = self.for_targets(shape, outputs)
        return graph.size(entering)  # integers

    @cached_property
    def has_statistics(self) -> bool:
        """Whether it keeps running statistics, which training moves without a gradient."""
        return any(isinstance(vertex.node, Normalisation) for vertex in self.graph.vertices)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the linear layers and convolutions, in their order."""
        return tuple(v.name for v in self.graph.vertices if isinstance(v.node, (Convolution, Linear)))


_OTHER_NET = "choose another --net"
