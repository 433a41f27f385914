"""A text that a sender trains a network on: windows of it, and at each of their places the byte that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional
from typing_extensions import override

from mdlcodec.container.ids import Purpose
from mdlcodec.errors import BadData
from mdlcodec.exact.random import Stream
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.zoo.sequences import SYMBOLS, SequenceArchitecture
from mdlcodec.sender.float_network import Tensors
from mdlcodec.sender.task import Task, scaled

BYTES_AN_EXAMPLE = 200  # of a text: settings are for 60,000 examples, and so for 12 megabytes
_BYTES_A_STEP = 16  # for each example that settings have in a step
_WIDTH = 320  # of the network whose rate is that of settings
_WARM = 100  # steps of a rate that rises
_LOOKED_AT = 512  # windows whose loss is computed


def windows_of(size: int, places: int) -> int:
    """Windows of so many places in a step where settings have ``size`` examples."""
    return max(1, size * _BYTES_A_STEP // places)


@dataclass(frozen=True)
class TextTask(Task):
    """See the module. x: uint8 (n - w + 1, w), windows from every place on, the first of which has a 0 before the
    text's first byte; y: what follows each byte, of the same shape. Both are views of one vector."""

    is_text: ClassVar[bool] = True
    tolerance: ClassVar[float | None] = 0.02  # Barth & von Petersenn 2025

    @classmethod
    def of_text(
        cls, architecture: SequenceArchitecture, text: bytes, *, seed: int, effort: float = 1.0
    ) -> TextTask:
        """Raises BadData for an empty text."""
        if not text:
            raise BadData("an empty text has nothing to train a network on")
        known = torch.from_numpy(np.frombuffer(b"\0" + text, np.uint8).copy())
        width = min(architecture.places, len(text))
        windows = known.unfold(0, width + 1, 1)
        return cls(windows[:, :-1], windows[:, 1:], SYMBOLS, architecture, (width,), seed, effort)

    @property
    @override
    def n(self) -> int:
        """Bytes of the text."""
        return len(self.x) + self.shape[0] - 1

    @override
    def loss_of(self, scores: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean cross entropy of bytes (m, w) under scores (m, w, 256), nats a byte."""
        return functional.cross_entropy(scores.reshape(-1, SYMBOLS), y.reshape(-1).long())

    @override
    def mean_loss(self, scores_of: Callable[[torch.Tensor], torch.Tensor]) -> float:
        """Of some windows, spread over the text."""
        count = min(_LOOKED_AT, -(-self.n // self.shape[0]))
        rows = torch.linspace(0, len(self.x) - 1, count).long()
        total = 0.0
        with torch.no_grad():
            for part in rows.split(self.batch_of(SYMBOLS)):
                total += len(part) * self.loss_of(scores_of(self.x[part].float()), self.y[part]).item()
        return total / count

    @override
    def scaled(self, steps: int) -> int:
        return scaled(steps, self.effort, self.n // BYTES_AN_EXAMPLE)

    @override
    def batch_of(self, size: int) -> int:
        return min(len(self.x), windows_of(size, self.shape[0]))

    @override
    def rate(self, rate: float, done: int) -> float:
        """The narrower the network, the more; it begins small, as attention diverges otherwise."""
        (width,) = self.architecture.graph.tensors(self.inputs)["embedding.weight"].shape[1:]
        return rate * (_WIDTH / width) * min(1.0, (done + 1) / _WARM)

    @override
    def initial(self, graph: Graph, generator: torch.Generator) -> Tensors:
        """Those of a network that learns on both sides."""
        stream, initial = Stream(self.seed, Purpose.INITIAL), Tensors()
        for vertex, shapes in graph.entering(self.inputs):
            parameters = vertex.node.parameters(*shapes)
            arrays = vertex.node.initial(stream, *shapes)
            for (name, parameter), array in zip(parameters.items(), arrays, strict=True):
                initial[f"{vertex.name}.{name}"] = torch.from_numpy(parameter.from_held(array))
        return initial

    @override
    def noise(self, count: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randint(SYMBOLS, (count, *self.inputs), generator=generator).float()
