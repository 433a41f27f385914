"""What a sender trains a network for: examples, what they should become, and the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Shape
from mdlcodec.nn.zoo import Architecture
from mdlcodec.sender.float_network import Tensors, arranged, initial_tensors
from mdlcodec.sender.pooled_forward import rounded_batch

_EXAMPLES = 60_000  # that settings are for
_FEWEST_STEPS = 20
_AT_ONCE = 2048  # examples whose loss is computed


def scaled(steps: int, effort: float, n: int, fewest: int = _FEWEST_STEPS) -> int:
    """Steps for n examples where settings have ``steps`` for 60,000 examples or more."""
    return max(fewest, round(steps * effort * min(1.0, (n / _EXAMPLES) ** 0.5)))


@dataclass(frozen=True)
class Task:
    """Labelled examples and the network to train on them. ``effort``: scale of the steps."""

    x: torch.Tensor  # float32, (n, c, h, w) or (n, d)
    y: torch.Tensor  # (n,): int64, classes; or float32, real numbers, which one output predicts
    outputs: int
    architecture: Architecture
    shape: Shape  # of an example as it was given: (h, w, c) or (d,)
    seed: int
    effort: float = 1.0
    is_text: ClassVar[bool] = False  # whether examples are windows of a text: see `mdlcodec.sender.text_task`
    tolerance: ClassVar[float | None] = None  # of TAMADE, where it is not the method's own

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        x: np.ndarray,
        y: np.ndarray,
        outputs: int,
        *,
        seed: int,
        effort: float = 1.0,
    ) -> Task:
        """x: float32 (n, h, w, c) or (n, d); y: integers (n,) below ``outputs``. Raises BadData."""
        _check_examples(x, y)
        if y.min() < 0 or y.max() >= outputs:
            raise BadData(f"labels are 0 to {outputs - 1}, not {y.min()} to {y.max()}")
        labels = torch.from_numpy(np.ascontiguousarray(y, np.int64))
        return cls(arranged(architecture, x), labels, outputs, architecture, x.shape[1:], seed, effort)

    @classmethod
    def of_reals(
        cls, architecture: Architecture, x: np.ndarray, y: np.ndarray, *, seed: int, effort: float = 1.0
    ) -> Task:
        """x: as above; y: floats (n,) of mean 0 and variance 1, or about so. Raises BadData."""
        _check_examples(x, y)
        targets = torch.from_numpy(np.ascontiguousarray(y, np.float32))
        return cls(arranged(architecture, x), targets, 1, architecture, x.shape[1:], seed, effort)

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.x)

    @property
    def graph(self) -> Graph:
        """The network, of nominal widths."""
        return self.architecture.graph.for_outputs(self.outputs)

    @property
    def inputs(self) -> Shape:
        """The shape in which an example enters it."""
        return self.architecture.inputs_of(self.shape)

    @property
    def are_images(self) -> bool:
        """Whether the inputs are images, whatever the network."""
        return len(self.shape) == 3

    @property
    def has_reals(self) -> bool:
        """Whether the labels are real numbers."""
        return self.y.is_floating_point()

    def loss(self, scores: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Mean loss of examples under their scores (m, outputs); see ``loss_of``."""
        return self.loss_of(scores, self.y[rows])

    def loss_of(self, scores: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean loss of labels (m,) under scores (m, outputs), nats a label: cross entropy; of real numbers half the
        squared error, which is what they take under a Gaussian of variance 1, but for a constant."""
        if self.has_reals:
            return 0.5 * functional.mse_loss(scores[:, 0], y)
        return functional.cross_entropy(scores, y)

    def mean_loss(self, scores_of: Callable[[torch.Tensor], torch.Tensor]) -> float:
        """The mean loss of all examples, nats a label; ``scores_of``: of some of them, (m, ..) -> (m, outputs)."""
        total = 0.0
        with torch.no_grad():
            for start in range(0, self.n, _AT_ONCE):
                rows = slice(start, start + _AT_ONCE)
                scores = scores_of(self.x[rows])
                total += len(scores) * self.loss_of(scores, self.y[rows]).item()
        return total / self.n

    def scaled(self, steps: int) -> int:
        """Steps for the task's examples and effort, where settings have so many for 60,000."""
        return scaled(steps, self.effort, self.n)

    def batch_of(self, size: int) -> int:
        """Examples in a step, where settings have ``size``: fewer for fewer examples."""
        return rounded_batch(size, self.n)

    def rate(self, rate: float, done: int) -> float:
        """Adam's rate in step ``done`` of a training, where settings have ``rate``."""
        return rate

    def initial(self, graph: Graph, generator: torch.Generator) -> Tensors:
        """Tensors of a graph of this task before any training."""
        return initial_tensors(graph, self.inputs, lambda shape: torch.randn(shape, generator=generator))

    def noise(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Random inputs (count, ..)."""
        return torch.randn((count, *self.inputs), generator=generator)


def _check_examples(x: np.ndarray, y: np.ndarray) -> None:
    """Raise BadData unless there are examples, of a shape that is known, and a label for each."""
    if x.ndim not in (2, 4):
        raise BadData(f"inputs have shape (n, h, w, c) or (n, d), not {x.shape}")
    if len(x) == 0 or y.shape != (len(x),):
        raise BadData(
            f"training needs a label for each example, and at least one; their shapes are {y.shape} and "
            f"{x.shape}"
        )
