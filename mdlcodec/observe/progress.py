"""Training told in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from mdlcodec.observe.contract import Moment, Observer


@dataclass(frozen=True)
class Told(Observer):
    """Tells each step as "training, step 1,200 of 40,000, 0.1234 nats a label"."""

    tell: Callable[[str], None]
    unit: str = "nats a label"

    @override
    def __call__(self, moment: Moment, /) -> None:
        phase = moment.phase
        steps = f"step {moment.done:,} of {phase.steps:,}"
        self.tell(f"{phase.what}, {steps}, {moment.recent:.4f} {self.unit}")
