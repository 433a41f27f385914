"""What an observer of a sender's training is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # torch loads when something is trained
    import torch


class Observed(Protocol):
    """What is trained step by step: see `mdlcodec.sender.loop.Phase`."""

    what: str  # what is done, in a few words
    steps: int

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The network's tensors by name, as they are now."""

    def gradients(self) -> Mapping[str, torch.Tensor]:
        """Gradients of the last batch's loss, by the names of what is trained."""

    def activations(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Each vertex' value for examples (m, c, h, w) or (m, d), by its name."""


@dataclass(frozen=True)
class Moment:
    """After a step: steps ``done`` of the phase's, the ``loss`` of its batch (nats a label; mean squared error),
    its ``recent`` mean, and the phase itself, whose tensors, gradients and activations are computed when asked."""

    done: int
    loss: float
    recent: float
    phase: Observed


class Observer(Protocol):
    """Is called after every step. It may look at anything and change nothing."""

    def __call__(self, moment: Moment, /) -> None:
        """See the class."""
