"""The examples that a sender trains on: those of the task, and moved copies of images of classes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mdlcodec.sender.loop import shuffled_batches
from mdlcodec.sender.moved_copies import moved_copies
from mdlcodec.sender.task import Task

COPIES, STRENGTH = 4, 1.0  # of all images, and of their movements
MOST_COPIES = 64
_SETS, _BFLOAT16 = 2, 2  # at once; bytes of a number
_AT_ONCE = 4096  # examples that are looked at or relabelled


def have_copies(task: Task) -> bool:
    """Whether there are moved copies of a task's examples: of images of classes."""
    return task.are_images and not task.has_reals


def memory_of_copies(n: int, size: int, outputs: int, copies: int) -> int:
    """Bytes that the copies of n images of ``size`` numbers in all take more than COPIES of them: they are held for
    two ways of training at once, each with soft labels, of which there are two while they are made."""
    return (_SETS * _BFLOAT16 * size + 4 * _SETS * 2 * outputs * n) * max(0, copies - COPIES)


class Examples:
    """Endless batches of them, in random orders.

    What a moved image's class is is known; where a number says where something is, it moves too: real numbers'
    images have no copies.
    """

    def __init__(
        self,
        task: Task,
        batch: int,
        generator: torch.Generator,
        copies: int = COPIES,
        strength: float = STRENGTH,
    ) -> None:
        """``batch``: examples in each; ``copies`` and ``strength``: see `moved_copies`."""
        self._x, self._y = task.x, task.y
        if copies and have_copies(task):
            self._x = moved_copies(task.x, copies, strength, generator)
            self._y = task.y.repeat(copies + 1)
        self._batches = shuffled_batches(len(self._x), batch, generator)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Examples (m, c, h, w) or (m, d), float32, and their labels (m,), or soft ones (m, k)."""
        rows = next(self._batches)
        return self._x[rows].float(), self._y[rows]

    def relabel(self, labels: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        """Other labels in their places; ``labels``: of some examples (m, ..), float32, and their labels (m,) or
        (m, k)."""
        parts = zip(self._x.split(_AT_ONCE), self._y.split(_AT_ONCE), strict=True)
        self._y = torch.cat([labels(x.float(), y) for x, y in parts])

    def size(self) -> float:
        """Root mean square of the inputs."""
        return self._x[:_AT_ONCE].float().square().mean().sqrt().item()
