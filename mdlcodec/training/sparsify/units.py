"""Dead units: those that nothing reaches, or that reach nothing. They leave, and the tensors shrink."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from .float_network import Architecture, Tensors


def live_units(net: Architecture, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Per hidden layer, the indices (int64) of the units with both an input (or a bias) and a live reader.

    Every hidden layer keeps at least one unit.
    """
    weights = [tensors[f"{name}.weight"] != 0 for name in net.layers]
    biases = [tensors[f"{name}.bias"] != 0 for name in net.layers]
    alive = [torch.ones(len(weight), dtype=torch.bool) for weight in weights]
    changed = True
    while changed:
        changed = False
        for i in range(len(weights) - 1):
            from_below = weights[i] if i == 0 else weights[i] & _inputs(net, i, weights[i], alive[i - 1])
            reached = from_below.flatten(1).any(1) | biases[i]
            readers = weights[i + 1][alive[i + 1]]
            read = readers.reshape(len(readers), len(alive[i]), -1).any(2).any(0)
            now = alive[i] & reached & read
            changed |= not torch.equal(now, alive[i])
            alive[i] = now
    return {
        name: mask.nonzero().flatten() if mask.any() else torch.zeros(1, dtype=torch.int64)
        for name, mask in zip(net.layers[:-1], alive, strict=False)
    }


def shrunk_architecture(net: Architecture, units: Mapping[str, torch.Tensor]) -> Architecture:
    """The architecture of `shrunk` tensors."""
    shapes = dict(net.shapes)
    for name, following in zip(net.layers, net.layers[1:], strict=False):
        each = net.shapes[following][1] // net.shapes[name][0]  # inputs of the next layer per unit
        width = len(units[name])
        shapes[name] = (width, *shapes[name][1:])
        shapes[following] = (shapes[following][0], width * each, *shapes[following][2:])
    return replace(net, shapes=shapes)


def shrunk(
    net: Architecture, tensors: Mapping[str, torch.Tensor], units: Mapping[str, torch.Tensor]
) -> Tensors:
    """Any tensors shaped like the network's (weights, masks, optimiser state), with only ``units`` left."""
    out = dict(tensors)
    for name, following in zip(net.layers, net.layers[1:], strict=False):
        keep = units[name]
        for key in (f"{name}.weight", f"{name}.bias"):
            if key in out:
                out[key] = out[key][keep].contiguous()
        key = f"{following}.weight"
        if key in out:
            reader = out[key]
            grouped = reader.reshape(len(reader), net.shapes[name][0], -1)[:, keep]
            out[key] = grouped.reshape(len(reader), -1, *reader.shape[2:]).contiguous()
    return out


def _inputs(net: Architecture, layer: int, weight: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
    """Which entries of a layer's weight read a live unit of the layer before it; the weight's shape."""
    each = weight[0].numel() // len(alive)
    return alive.repeat_interleave(each).reshape(weight[0].shape).expand_as(weight)
