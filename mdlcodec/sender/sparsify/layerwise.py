"""The layerwise method (Barth & von Petersenn 2025, their code): a layer keeps what its outputs need.

Training has no penalty. Every so often, from the last layer to the first, with a layer's inputs x and outputs y as
they are,

    sum |y - (w * p) x - b * q|^2 + sum w^2 p (1 - p) x^2 + sum b^2 q (1 - q) + alpha (sum p + sum q)

is minimised over p and q within [0, 1], which are rounded at 1/2; what is 0 then goes for good. Sums are over the
examples of a label's n-th part each: alpha counts squared outputs of all labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from typing_extensions import override

from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.sender import twins
from mdlcodec.sender.float_network import Tensors, by_vertex, float_forward
from mdlcodec.sender.random_gradients import without_dead_weights
from mdlcodec.sender.sparsify.contract import Choices, Method
from mdlcodec.sender.task import Task

FROM, UNTIL = 0.2, 0.8  # of the training
_TIMES = 6  # that layers are looked at
_STEPS, _RATE = 60, 0.05  # of a layer's own minimisation
_EXAMPLES = 1024  # in each of its steps
_RENEWED = 20  # steps with the same examples


class Layerwise(Method):
    """See the module."""

    strength = 30.0
    strengths = (1e-5, 1e6)
    frontier = (1.0, 300.0)
    of_texts = False  # it knows the outputs of linear layers and convolutions of examples

    def __init__(self, task: Task, graph: Graph, choices: Choices, steps: int, rng: torch.Generator) -> None:
        super().__init__(task, graph, choices, steps, rng)
        self._masks: Tensors = {}

    @override
    def penalise(self, weights: Tensors, part: float, price: float) -> None:
        pass

    @override
    def moved(self, weights: Tensors, statistics: Tensors, done: int) -> None:
        interval = max(1, round((UNTIL - FROM) * self.steps / (_TIMES - 1)))
        since = done - round(FROM * self.steps)
        if since >= 0 and since % interval == 0 and since // interval < _TIMES:
            self._prune(weights, statistics)
            self._masks = {name: (tensor != 0).float() for name, tensor in weights.items()}
        for name, mask in self._masks.items():
            weights[name].mul_(mask)

    def _prune(self, weights: Tensors, statistics: Tensors) -> None:
        layers = [vertex for vertex in self.graph.vertices if f"{vertex.name}.weight" in weights]
        for vertex in reversed(layers):
            own = by_vertex(weights)[vertex.name]
            if own["weight"].dim() < 2:  # normalisation
                continue
            kept = self._kept(vertex, own, weights | statistics)
            for name, mask in kept.items():
                weights[f"{vertex.name}.{name}"].mul_(mask)
            if self.choices.rgp is not False:
                for name, tensor in without_dead_weights(self.graph, weights | statistics).items():
                    if name in weights:
                        weights[name].copy_(tensor)

    def _kept(self, vertex: Vertex, own: Tensors, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """Which of a layer's weights stay, 0 or 1, by their own names."""
        chances = {name: torch.ones_like(tensor).requires_grad_() for name, tensor in own.items()}
        optimiser = torch.optim.Adam(list(chances.values()), lr=_RATE)
        alpha = self.chosen / self.task.n
        x = y = torch.empty(0)
        for step in range(_STEPS):
            if step % _RENEWED == 0:
                x, y = self._passing(vertex, tensors)
            with torch.enable_grad():
                likely = {name: tensor.detach() * chances[name] for name, tensor in own.items()}
                spread = {
                    name: tensor.detach() ** 2 * chances[name] * (1 - chances[name])
                    for name, tensor in own.items()
                }
                gap = y - twins.forward(vertex.node, likely, [x])
                noise = twins.forward(vertex.node, spread, [x * x])
                kept = torch.stack([p.sum() for p in chances.values()]).sum()
                loss = (gap * gap + noise).sum() / len(x) + alpha * kept
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for p in chances.values():
                p.clamp_(0.0, 1.0)
        return {name: (p.detach() >= 0.5).float() for name, p in chances.items()}

    def _passing(
        self, vertex: Vertex, tensors: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and outputs of a layer for some examples."""
        values: dict[str, torch.Tensor] = {}
        rows = torch.randint(self.task.n, (min(_EXAMPLES, self.task.n),), generator=self.rng)
        batch = self.task.x[rows]
        with torch.no_grad():
            float_forward(self.graph, tensors, batch, record=values.__setitem__)
        entering = [batch, *(values[other.name] for other in self.graph.vertices)]
        return entering[vertex.inputs[0]], values[vertex.name]

    @override
    def left(self, weights: Tensors) -> Tensors:
        return weights
