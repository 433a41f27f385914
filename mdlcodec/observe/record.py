"""A record of a run: losses at some of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from mdlcodec.observe.contract import Moment


@dataclass
class LossRecord:
    """(phase, steps done, mean loss of the last batches) after every ``every`` steps, and after the last."""

    every: int = 100
    rows: list[tuple[str, int, float]] = field(default_factory=list)

    def __call__(self, moment: Moment, /) -> None:
        """See Observer."""
        if moment.done % self.every == 0 or moment.done == moment.phase.steps:
            self.rows.append((moment.phase.what, moment.done, moment.recent))
