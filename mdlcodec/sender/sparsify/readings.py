"""Units of a network that can leave, and the layers that read them: where noise of a unit is multiplied in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Shape
from mdlcodec.nn.nodes import Dropout, Flatten, Linear
from mdlcodec.nn.nodes.flatten import CHANNELS_FIRST
from mdlcodec.sender.dead_units import streams

INPUT = "input"


@dataclass(frozen=True)
class Reading:
    """Outputs of a layer, or inputs: how many, at how many places of a map they are read, and by which layers, each
    with the order in which maps were flattened for it, None where they were not."""

    name: str
    units: int
    places: int
    readers: Mapping[str, str | None]

    def spread(self, values: torch.Tensor, reader: str) -> torch.Tensor:
        """Values (m, units) as the columns (m, d) that a reader has, or (m, units) of maps that it convolves."""
        order = self.readers[reader]
        if order is None:
            return values
        if order == CHANNELS_FIRST:
            return values.repeat_interleave(self.places, dim=1)
        return values.repeat(1, self.places)


def readings(graph: Graph, inputs: Shape) -> list[Reading]:
    """Of every layer whose units can leave, in their order; of the inputs, (c, h, w) or (d,), first, where what
    reads them is fully connected."""
    shapes, vertices = graph.shapes(inputs), graph.vertices
    found = []
    readers = _of_inputs(graph)
    if readers:
        found.append(Reading(INPUT, math.prod(inputs), 1, dict.fromkeys(readers)))
    for number, stream in streams(graph).items():
        if stream.pinned or not stream.readers:
            continue
        units = shapes[number + 1][0]
        places = 1
        for reader, _ in stream.readers:
            entering = shapes[vertices[reader].inputs[0]]
            places = max(places, math.prod(entering) // units)
        orders = {vertices[reader].name: order for reader, order in stream.readers}
        found.append(Reading(vertices[number].name, units, places, orders))
    return found


def _of_inputs(graph: Graph) -> list[str]:
    """Names of the linear layers that read the inputs, flattened or not, if nothing else does."""
    entered, waiting, names = graph.readers(), [0], []
    while waiting:
        for reader in entered[waiting.pop()]:
            node = graph.vertices[reader].node
            if isinstance(node, Flatten | Dropout):
                waiting.append(reader + 1)
            elif isinstance(node, Linear):
                names.append(graph.vertices[reader].name)
            else:
                return []
    return names
