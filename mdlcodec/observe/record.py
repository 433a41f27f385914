"""A record of a run: losses at some of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import override

from mdlcodec.observe.contract import Moment, Observer


@dataclass
class LossRecord(Observer):
    """(phase, steps done, mean loss of the last batches) after every ``every`` steps, and after the last."""

    every: int = 100
    rows: list[tuple[str, int, float]] = field(default_factory=list)

    @override
    def __call__(self, moment: Moment, /) -> None:
        if moment.done % self.every == 0 or moment.done == moment.phase.steps:
            self.rows.append((moment.phase.what, moment.done, moment.recent))
