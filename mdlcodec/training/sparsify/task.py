"""What every sparsifier is given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .convolution import LANES
from .float_network import Architecture, architecture, arranged

Progress = Callable[[int, int, float], None]  # steps done, steps in all, recent mean loss in nats


@dataclass(frozen=True)
class Task:
    """A labelled data set, the network to train on it, and the size of the codebooks."""

    x: torch.Tensor  # float32, (n, c, h, w) for lenet5, else (n, d)
    y: torch.Tensor  # int64 (n,)
    classes: int
    net: str
    inputs: tuple[int, ...]  # (h, w, c) or (d,)
    bits: int
    seed: int
    steps: float  # share of a recipe's steps to take
    progress: Progress

    def architecture(self, widths: tuple[int, ...] | None = None) -> Architecture:
        """The task's network with these hidden widths (default: nominal)."""
        return architecture(self.net, self.inputs, self.classes, widths)

    def scaled(self, steps: int) -> int:
        """Steps for this task where the recipe has ``steps`` for 60,000 examples."""
        return max(20, round(steps * self.steps * min(1.0, (len(self.x) / 60_000) ** 0.5)))

    def batch(self, size: int) -> int:
        """The recipe's batch, or less for fewer examples; a multiple of LANES as ``size`` is."""
        return min(size, -(-len(self.x) // LANES) * LANES)

    @property
    def are_images(self) -> bool:
        """Whether the inputs are images, whatever the network."""
        return len(self.inputs) == 3

    def pictures(self) -> torch.Tensor:
        """The examples as (n, c, h, w); only when they are images."""
        if self.x.dim() == 4:
            return self.x
        height, width, channels = self.inputs
        return self.x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)

    def arranged(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (m, c, h, w) as the network reads its examples."""
        return pictures if self.x.dim() == 4 else pictures.permute(0, 2, 3, 1).flatten(1).contiguous()


def task(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    net: str,
    bits: int,
    seed: int,
    steps: float,
    progress: Progress,
) -> Task:
    """Checks the arguments of `sparse_network` and arranges the examples; raises ValueError."""
    if not 2 <= bits <= 8:
        raise ValueError(f"codebooks of 2 to 8 bits can be trained, not of {bits}")
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(
            f"training needs as many labels as examples, and at least one; got {len(y)} and {len(x)}"
        )
    if x.ndim not in (2, 4):
        raise ValueError(f"inputs have shape (n, h, w, c) or (n, d), not {x.shape}")
    found = architecture(net, x.shape[1:], classes)
    labels = torch.from_numpy(np.ascontiguousarray(y, np.int64))
    return Task(arranged(found, x), labels, classes, net, x.shape[1:], bits, seed, steps, progress)
