"""RGP: weights that cannot act become 0 (Barth & von Petersenn 2025, random gradient pruning).

One gradient is taken, for random inputs and random targets. A weight goes where it is exactly 0 and where, besides,
the graph says that no path through it can change the outputs (`dead_units`): a ReLU that is silent on a random
batch is not dead. So the network computes the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from mdlcodec.nn.graph import Graph
from mdlcodec.sender.dead_units import live_units, shrunk
from mdlcodec.sender.float_network import Tensors, float_forward

_EXAMPLES, _SEED = 64, 5
Noise = Callable[[int, torch.Generator], torch.Tensor]
"""Draws so many random inputs: (count, ..)."""


def without_dead_weights(graph: Graph, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors, of nominal widths, with 0 for all weights of units that cannot influence the outputs."""
    places = {name: torch.arange(tensor.numel()).reshape(tensor.shape) for name, tensor in tensors.items()}
    left = shrunk(graph, places, live_units(graph, tensors))
    result = {}
    for name, tensor in tensors.items():
        dead = torch.ones(tensor.numel(), dtype=torch.bool)
        dead[left[name].flatten()] = False
        result[name] = torch.where(dead.reshape(tensor.shape), 0.0, tensor)
    return result


def random_gradient_pruned(
    graph: Graph, tensors: Mapping[str, torch.Tensor], noise: Noise
) -> tuple[Tensors, int]:
    """The tensors after random gradient pruning, and how many weights went."""
    generator = torch.Generator().manual_seed(_SEED)
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in tensors.items() if tensor.dim() > 1}
    with torch.enable_grad():
        x = noise(_EXAMPLES, generator)
        outputs = float_forward(graph, {**tensors, **leaves}, x)
        targets = torch.randn(outputs.shape, generator=generator)
        ((outputs - targets) ** 2).mean().backward()
    unreached, gone = without_dead_weights(graph, tensors), 0
    result = dict(tensors)
    for name, leaf in leaves.items():
        still = leaf.grad == 0 if leaf.grad is not None else torch.ones_like(leaf, dtype=torch.bool)
        dead = still & (unreached[name] == 0) & (leaf.detach() != 0)
        gone += int(dead.sum())
        result[name] = torch.where(dead, 0.0, tensors[name])
    return result, gone
