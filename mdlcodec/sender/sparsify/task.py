"""What every sparsifier is given."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from mdlcodec.errors import BadData
from mdlcodec.nn.architectures import Layered, Shape
from mdlcodec.sender.convolution import LANES
from mdlcodec.sender.descent import StepProgress, scaled
from mdlcodec.sender.sparsify.float_network import arranged


@dataclass(frozen=True)
class Task:
    """A labelled data set, the network to train on it, and the size of the codebooks."""

    x: torch.Tensor  # float32, (n, c, h, w) for networks that need images, else (n, d)
    y: torch.Tensor  # int64 (n,)
    classes: int
    architecture: Layered
    inputs: Shape  # of an example as it was given: (h, w, c) or (d,)
    bits: int
    seed: int
    effort: float  # scale of a recipe's steps
    progress: StepProgress

    def shapes(self, widths: tuple[int, ...] | None = None) -> dict[str, Shape]:
        """The shape of each layer's weight with these hidden widths (default: nominal)."""
        architecture = replace(self.architecture, widths=widths or self.architecture.widths)
        shapes = architecture.shapes(self.inputs, self.classes)
        return dict(zip(architecture.layer_names, shapes, strict=True))

    def scaled(self, steps: int) -> int:
        """See `mdlcodec.sender.descent.scaled`."""
        return scaled(steps, self.effort, len(self.x))

    def batch(self, size: int) -> int:
        """The recipe's batch, or less for fewer examples; a multiple of LANES as ``size`` is."""
        return min(size, -(-len(self.x) // LANES) * LANES)

    @property
    def are_images(self) -> bool:
        """Whether the inputs are images, whatever the network."""
        return len(self.inputs) == 3

    def pictures(self) -> torch.Tensor:
        """The examples as (n, c, h, w); only when they are images."""
        if self.architecture.needs_images:
            return self.x
        return self.x.reshape(-1, *self.inputs).permute(0, 3, 1, 2)

    def arranged(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (m, c, h, w) as the network reads its examples."""
        if self.architecture.needs_images:
            return pictures
        return pictures.permute(0, 2, 3, 1).flatten(1).contiguous()


def checked_task(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    architecture: Layered,
    bits: int,
    seed: int,
    effort: float,
    progress: StepProgress,
) -> Task:
    """Checks the arguments of `sparse_network` and arranges the examples; raises BadData."""
    if not 2 <= bits <= 8:
        raise BadData(f"no codebooks of {bits} bits; choose 2 to 8")
    if x.ndim not in (2, 4):
        raise BadData(f"inputs have shape (n, h, w, c) or (n, d), not {x.shape}")
    if len(x) == 0 or y.shape != (len(x),):
        raise BadData(
            f"training needs a label for each example, and at least one; their shapes are {y.shape} and {x.shape}"
        )
    if y.min() < 0 or y.max() >= classes:
        raise BadData(f"labels are 0 to {classes - 1}, not {y.min()} to {y.max()}")
    labels = torch.from_numpy(np.ascontiguousarray(y, np.int64))
    return Task(
        arranged(architecture, x), labels, classes, architecture, x.shape[1:], bits, seed, effort, progress
    )
