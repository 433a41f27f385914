"""Pruning by size while training goes on: the baseline (Zhu & Gupta 2017).

The share of weights that are gone rises as s (1 - (1 - t)^3) to the strength s, from a fifth to four fifths of the
training; every so many steps the smallest weights of the whole network go, and stay away. With ``shares`` it is
the smallest of each layer, to a share of its own (Zhou et al. 2018, A.2).
"""

from __future__ import annotations

import torch
from typing_extensions import override

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph
from mdlcodec.sender.by_layer import by_tensor
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.sparsify.contract import Choices, Method
from mdlcodec.sender.task import Task

_TIMES = 100  # that weights go


class Magnitude(Method):
    """See the module; strength: the share of weights that go."""

    strength = 0.95
    strengths = (1e-4, 0.9999)
    frontier = (0.7, 0.99)
    of_share = True
    takes = Method.takes | {"shares"}
    tamade = 0.0
    pruned_from, pruned_until = 0.2, 0.8  # of the training

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        super().__init__(task, graph, choices, steps, rng)
        self._masks: Tensors = {}
        layers = [name for name, p in graph.parameters(task.inputs).items() if len(p.shape) > 1]
        self._shares = None if choices.shares is None else by_tensor(choices.shares, layers, "shares")

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        pass

    @override
    def moved(self, weights: Tensors, statistics: Tensors, done: int) -> None:
        first, last = self.pruned_from, self.pruned_until
        begun = (done + 1) / self.steps
        interval = max(1, round((last - first) * self.steps / _TIMES))
        if first <= begun and (
            (begun < last and done % interval == 0) or done + 1 == max(1, int(last * self.steps))
        ):
            t = min(1.0, (begun - first) / (last - first)) if done + 1 < int(last * self.steps) else 1.0
            self._masks = self._largest(weights, 1 - (1 - t) ** 3)
        for name, mask in self._masks.items():
            weights[name].mul_(mask)

    def _largest(self, weights: Tensors, part: float) -> Tensors:
        """Masks, when that part of what goes in the end is gone."""
        if self._shares is None:
            return largest(weights, self.chosen * part)
        masks: Tensors = {}
        for name, share in self._shares.items():
            masks |= largest({name: weights[name]}, share * part)
        return masks

    @override
    def left(self, weights: Tensors) -> Tensors:
        return weights


def largest(weights: Tensors, gone: float) -> Tensors:
    """Masks, 0 or 1, of the matrices and kernels: ``gone``, a share of all their weights, the smallest, are 0.

    Raises BadData where nothing would be left.
    """
    sizes = {name: tensor.detach().abs() for name, tensor in weights.items() if tensor.dim() > 1}
    flat = torch.cat([size.flatten() for size in sizes.values()])
    count = round(gone * flat.numel())
    if count == 0:
        return {name: torch.ones_like(size) for name, size in sizes.items()}
    if count >= flat.numel():
        raise BadData(f"no weight is left at strength {gone:g}; choose a smaller one")
    threshold = torch.kthvalue(flat, count).values
    return {name: (size > threshold).float() for name, size in sizes.items()}
