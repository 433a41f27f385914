"""What is left of a pruned network, as Dai et al. 2018 count it (poster, Tables 1 to 4): r_W, r_N, FLOP, units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mdlcodec.nn.graph import channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.nn.nodes import Linear
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.sparsify.readings import INPUT, readings


@dataclass(frozen=True)
class Structure:
    """``units``: of the layers but the last, the inputs that are read first where a layer of them all reads them;
    ``weights_share``: r_W, of the weights of dense layers of these units among the nominal ones; ``nonzeros``:
    weights that are not 0; ``activations_share``: r_N, of the units at the places where they are read, these
    inputs among them;
    ``multiply_adds``: of one example; ``nominal``: weights before anything was pruned."""

    units: tuple[int, ...]
    weights_share: float
    nonzeros: int
    activations_share: float
    multiply_adds: int
    nominal: int

    def __str__(self) -> str:
        """The units, as the papers write them: 97-71-33."""
        return "-".join(map(str, self.units))


def structure_of(architecture: Architecture, weights: Weights, shape: Shape, outputs: int) -> Structure:
    """Of a network whose dead units have left, for examples of that shape, (h, w, c) or (d,)."""
    graph = architecture.graph.for_outputs(outputs)
    entering = channels_first(shape)
    smaller = graph.fitted({name: tuple(array.shape) for name, array in weights.items()})
    nominal = {layer.name: layer for layer in readings(graph, entering)}
    now = {layer.name: layer for layer in readings(smaller, entering)}
    read = math.prod(entering)  # inputs that are read
    if INPUT in now:
        columns = [(weights[f"{reader}.weight"] != 0).any(axis=0) for reader in now[INPUT].readers]
        read = int(np.logical_or.reduce(columns).sum())
    units, activations, before = [read] if INPUT in now else [], 0, 0
    for name, layer in nominal.items():
        before += layer.units * layer.places
        activations += read if name == INPUT else now[name].units * now[name].places
    dense, multiply_adds, nonzeros = 0, 0, 0
    layers = [v for v in smaller.entering(entering) if f"{v[0].name}.weight" in weights]
    for vertex, shapes in layers:
        weight = weights[f"{vertex.name}.weight"]
        if weight.ndim < 2:
            continue
        from_inputs = INPUT in now and vertex.name in now[INPUT].readers
        size = read * weight.shape[0] if from_inputs else weight.size
        dense += size
        nonzeros += int(np.count_nonzero(weight))
        operations = vertex.node.operations(*shapes)
        multiply_adds += size if from_inputs and isinstance(vertex.node, Linear) else operations
        units.append(weight.shape[0])
    whole = sum(
        math.prod(parameter.shape)
        for parameter in graph.parameters(entering).values()
        if len(parameter.shape) > 1
    )
    return Structure(tuple(units[:-1]), dense / whole, nonzeros, activations / before, multiply_adds, whole)
