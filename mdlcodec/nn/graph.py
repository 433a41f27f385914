"""A network as a typed graph of nodes: what enters what, shapes, tensors by name, cost.

    net = Builder()
    x = net(Convolution(16, padding=1), name="conv")
    y = net(Rectify())
    y = net(Convolution(16, padding=1), name="conv2")
    net(Addition(), inputs=(x, y))
    net(AveragePooling())
    net(Linear(), name="fc")
    graph = net.graph()

A graph says nothing of the size of its inputs, nor, where its last layer's width is left open, of the number of
outputs: `for_outputs` says that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Node, Parameter, Shape
from mdlcodec.nn.nodes.linear import Linear

Value = int
"""A value within a graph: 0 is what enters it, i + 1 is what its vertex i gives."""


@dataclass(frozen=True)
class Vertex:
    """A node at its place in a graph; ``name``: that of its tensors, before the dot."""

    name: str
    node: Node
    inputs: tuple[Value, ...]


@dataclass(frozen=True)
class Graph:
    """Vertices in an order in which they can be computed; the last one gives the outputs."""

    vertices: tuple[Vertex, ...]

    def for_outputs(self, outputs: int) -> Graph:
        """The same with so many outputs, where a layer's width is left open."""
        return Graph(
            tuple(
                replace(vertex, node=replace(vertex.node, width=outputs))
                if isinstance(vertex.node, Linear) and vertex.node.width is None
                else vertex
                for vertex in self.vertices
            )
        )

    def shapes(self, inputs: Shape) -> list[Shape]:
        """The shape of every `Value` for examples (c, h, w) or (d,). Raises BadData that says what does not fit."""
        shapes = [inputs]
        for vertex in self.vertices:
            try:
                shapes.append(vertex.node.outputs(*(shapes[value] for value in vertex.inputs)))
            except BadData as error:
                raise BadData(f"{vertex.name}: {error}") from error
        return shapes

    def entering(self, inputs: Shape) -> Iterator[tuple[Vertex, list[Shape]]]:
        """Yields each vertex with the shapes of its inputs. Raises as `shapes` does."""
        shapes = self.shapes(inputs)
        for vertex in self.vertices:
            yield vertex, [shapes[value] for value in vertex.inputs]

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """The trained tensors by name ("conv1.weight"), in their order. Raises as `shapes` does."""
        return {
            f"{vertex.name}.{name}": parameter
            for vertex, shapes in self.entering(inputs)
            for name, parameter in vertex.node.parameters(*shapes).items()
        }

    def tensors(self, inputs: Shape) -> dict[str, Parameter]:
        """All that says what a trained network is, in the order in which it travels: of each vertex the
        parameters, then the running statistics. Raises as `shapes` does."""
        parameters = {}
        for vertex, shapes in self.entering(inputs):
            for name, parameter in vertex.node.parameters(*shapes).items():
                parameters[f"{vertex.name}.{name}"] = parameter
            for name, shape in vertex.node.statistics(*shapes).items():
                parameters[f"{vertex.name}.{name}"] = Parameter(shape)
        return parameters

    def fitted(self, shapes: Mapping[str, Shape]) -> Graph:
        """The same with the widths of these tensors, by name; every parameter is among them."""
        vertices = []
        for vertex in self.vertices:
            own = {
                name.rpartition(".")[2]: shape
                for name, shape in shapes.items()
                if name.rpartition(".")[0] == vertex.name
            }
            vertices.append(replace(vertex, node=vertex.node.fitted(own)) if own else vertex)
        return Graph(tuple(vertices))

    def size(self, inputs: Shape) -> int:
        """Number of trained parameters and running statistics."""
        return sum(math.prod(p.shape) for p in self.tensors(inputs).values())  # integers

    def values(self, inputs: Shape) -> int:
        """Values per example that a pass makes, the inputs counted too."""
        return sum(math.prod(shape) for shape in self.shapes(inputs))  # integers

    def operations(self, inputs: Shape) -> int:
        """Multiply-adds of one example's forward pass."""
        return sum(v.node.operations(*shapes) for v, shapes in self.entering(inputs))  # integers

    def readers(self) -> list[list[int]]:
        """For each `Value`, the numbers of the vertices that it enters, in their order."""
        readers: list[list[int]] = [[] for _ in range(len(self.vertices) + 1)]
        for number, vertex in enumerate(self.vertices):
            for value in vertex.inputs:
                readers[value].append(number)
        return readers


class Builder:
    """Makes a graph, vertex by vertex. See the module."""

    def __init__(self) -> None:
        self._vertices: list[Vertex] = []

    def __call__(self, node: Node, inputs: Sequence[Value] | None = None, name: str | None = None) -> Value:
        """Adds a node that takes ``inputs`` (the value before it by default); its value.

        Raises BadData for a name that is taken or empty, and for inputs that are not there yet.
        """
        name = f"{type(node).__name__.lower()}{len(self._vertices) + 1}" if name is None else name
        inputs = (len(self._vertices),) if inputs is None else tuple(inputs)
        if not name:
            raise BadData("a node's name has at least one letter")
        if any(vertex.name == name for vertex in self._vertices):
            raise BadData(f"a network has a node named {name!r} already; names are for one node each")
        if not inputs or not all(0 <= value <= len(self._vertices) for value in inputs):
            raise BadData(
                f"{name}: its inputs {inputs} are not all there yet" if inputs else f"{name} needs an input"
            )
        if len(inputs) != node.entering:
            raise BadData(f"{name} takes {node.entering} inputs, not {len(inputs)}")
        self._vertices.append(Vertex(name, node, inputs))
        return len(self._vertices)

    def graph(self) -> Graph:
        """What was added. Raises BadData for a network without a node."""
        if not self._vertices:
            raise BadData("a network needs a node")
        return Graph(tuple(self._vertices))


def sequence(*nodes: Node) -> Graph:
    """One node after another, with names of their own making."""
    net = Builder()
    for node in nodes:
        net(node)
    return net.graph()


def channels_first(shape: Shape) -> Shape:
    """The border: examples (h, w, c) as data have them are maps (c, h, w) to networks; columns stay."""
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape
