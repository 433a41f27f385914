"""What a study of the information plane found: paths, moments, means, as plain objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SATURATED = 0.1
"""Bits below log2 n, from where on an estimate says how many examples there were."""


@dataclass(frozen=True)
class PlanePath:
    """What one estimator says of one layer, checkpoint by checkpoint, in bits.

    ``control``: empty for the plain run; ``ixt`` None where it says nothing of X; ``n``: examples that it
    looked at; ``once``: share of these whose symbol no other has; ``gap_bound``: Theorem 1 on the squared
    generalisation gap, None of activations alone; ``vacuous``: whether I(X;T) >= log2 2m there.
    """

    control: str
    seed: int
    layer: str
    estimator: str
    n: int
    ixt: tuple[float, ...] | None
    iyt: tuple[float, ...]
    once: tuple[float, ...] | None
    saturated: tuple[bool, ...]
    gap_bound: tuple[float, ...] | None
    vacuous: tuple[bool, ...] | None

    @property
    def ceiling(self) -> float:
        """log2 n: no estimate from n examples says more."""
        return math.log2(self.n)


@dataclass(frozen=True)
class PlaneMoment:
    """A run at a checkpoint: losses in nats a label; ``signal_to_noise`` of the gradients of 32 batches;
    ``moved``: |W(t) - W(0)|; ``layers``: of each weighted layer its norm, the same of it alone, and of its
    gradients."""

    control: str
    seed: int
    step: int
    digest: str
    training_loss: float
    training_error: float
    test_loss: float
    test_error: float
    signal_to_noise: float
    norm: float
    moved: float
    layers: Mapping[str, Mapping[str, float]] = field(hash=False)

    @property
    def gap(self) -> float:
        """|training - test error|."""
        return abs(self.training_error - self.test_error)


@dataclass(frozen=True)
class PlaneSummary:
    """Of the seeds of one control, layer and estimator: means at the last checkpoint, the largest mean
    I(X;T), the step where compression starts (None: it does not), and the share of checkpoints where I(X;T)
    is saturated."""

    control: str
    layer: str
    estimator: str
    ixt: float | None
    most_ixt: float | None
    iyt: float
    compression_from: int | None
    saturated: float


@dataclass(frozen=True)
class PlaneRecords:
    """``steps``: checkpoints by control; ``runs``: of each control and seed what became of the weights after
    the transition; ``violations``: of data processing inequalities, by control and estimator, [of I(X;T), of
    I(T;Y), pairs of layers looked at]; ``curve``: the information-bottleneck limit, where p(x, y) is known;
    ``m``: examples trained on, 0 of activations alone; ``settings``: all that it depends on."""

    steps: Mapping[str, tuple[int, ...]]
    layers: tuple[str, ...]
    paths: tuple[PlanePath, ...]
    moments: tuple[PlaneMoment, ...]
    runs: tuple[Mapping[str, Any], ...]
    summaries: tuple[PlaneSummary, ...]
    violations: Mapping[str, Mapping[str, list[int]]]
    curve: tuple[tuple[float, float], ...]
    label_entropy: float
    m: int
    settings: Mapping[str, Any]

    def __iter__(self) -> Iterator[PlaneSummary]:
        return iter(self.summaries)

    def __len__(self) -> int:
        return len(self.summaries)

    @property
    def controls(self) -> tuple[str, ...]:
        """Those that were run, the plain one as an empty name."""
        return tuple(self.steps)

    @property
    def estimators(self) -> tuple[str, ...]:
        """In their order."""
        return tuple(dict.fromkeys(path.estimator for path in self.paths))

    def mean(self, control: str, layer: str, estimator: str) -> tuple[list[float] | None, list[float]]:
        """I(X;T) and I(T;Y) at each checkpoint, means over seeds, in bits."""
        paths = [p for p in self.paths if (p.control, p.layer, p.estimator) == (control, layer, estimator)]
        iyt = [sum(column) / len(paths) for column in zip(*(p.iyt for p in paths), strict=True)]
        if any(p.ixt is None for p in paths):
            return None, iyt
        columns = zip(*(p.ixt for p in paths if p.ixt is not None), strict=True)
        return [sum(column) / len(paths) for column in columns], iyt

    def of(self, control: str, seed: int) -> list[PlaneMoment]:
        """The checkpoints of a run."""
        return [moment for moment in self.moments if (moment.control, moment.seed) == (control, seed)]

    def facts(self) -> dict[str, Any]:
        """All of it as JSON has it; ``points`` are the summaries."""
        return {
            "settings": dict(self.settings),
            "m": self.m,
            "label_entropy": self.label_entropy,
            "steps": {control: list(steps) for control, steps in self.steps.items()},
            "layers": list(self.layers),
            "violations": {c: dict(of) for c, of in self.violations.items()},
            "bottleneck": [list(point) for point in self.curve],
            "points": [asdict(row) for row in self.summaries],
            "moments": [asdict(one) for one in self.moments],
            "runs": [dict(run) for run in self.runs],
            "paths": [asdict(path) for path in self.paths],
        }
