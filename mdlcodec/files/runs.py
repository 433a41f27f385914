"""What coding labels will take and what it took: told before, checked against the limits, and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mdlcodec.files.curves import Curve, CurveRecord
from mdlcodec.limits import Limits, check_limits

if TYPE_CHECKING:
    from mdlcodec.codes import Learned, Progress, Settings
    from mdlcodec.container import LabelHeader
    from mdlcodec.data.targets import Target
    from mdlcodec.limits import Cost

# bytes of a label besides its own
_HELD = 16  # the class, as it is decoded and as it is checked
_CELL = 400  # as text, with what Python keeps of it, several times over


@dataclass(frozen=True)
class Plan:
    """What is about to be computed, known before anything is allocated or trained."""

    code: str
    net: str | None
    settings: Settings
    n: int
    target: Target | None  # None of a text
    cost: Cost
    decoding: Cost  # the same of whoever decodes

    @property
    def unit(self) -> str:
        """What there are n of."""
        return "byte" if self.target is None else "label"

    def described(self) -> str:
        """What is coded, for people."""
        return f"{self.n:,} bytes" if self.target is None else f"{self.n:,} labels {self.target.described()}"


@dataclass(frozen=True)
class Run:
    """What coding the labels took: their ideal codelength (-sum log2 p, in bits) and the time in seconds.

    ``training_error``, ``objective_bits``, ``learned_in_vain``: see codes.Encoded; they and the curve are not
    known after decoding. ``learned``: what was learned, if that was to be kept.
    """

    ideal_bits: float
    seconds: float
    training_error: float | None = None
    objective_bits: float | None = None
    learned_in_vain: bool = False
    curve: Curve | None = None
    learned: Learned | None = field(default=None, compare=False, repr=False)


Watch = Callable[[Plan], "Progress"]
"""Is told the plan once the limits allow it; what it returns is told the progress."""


def telling(told: Callable[[int, int, float], None]) -> Watch:
    """Tells labels done, labels in all, and ideal bits so far; nothing before the first label is done."""

    def begin(plan: Plan) -> Progress:
        def progress(done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
            if not stage:
                told(done, plan.n, bits)

        return progress

    return begin


def labels_memory(header: LabelHeader, form: str | None) -> int:
    """Bytes that the labels of a file take at most: as an array, and as the bytes of a file of that form."""
    array = header.n * (header.values.dtype.itemsize + _HELD)
    if form is None:
        return array
    if form != "csv":  # the file grows beside the array, and is copied once
        return 4 * array
    if header.values.dtype.kind != "U":
        return array + header.n * _CELL
    longest = max((len(text.encode()) for text in header.values.tolist()), default=0)
    # cells and lines of up to four bytes a character, quotes doubled, and the text and its bytes
    return array + header.n * (_CELL + 16 * longest)


def most_held(plan: Plan) -> int:
    """Bytes that a checkpoint takes at most: what is learned is counted in the cost, what is coded is not."""
    return plan.cost.memory + 64 * plan.n + (1 << 20)


def spent(plan: Plan, held: int) -> int:
    """Bytes that the plan takes at most, with those that are held already."""
    return plan.cost.memory + held


def announced(
    plan: Plan,
    held: int,
    limits: Limits,
    watch: Watch | None,
    record: CurveRecord | None = None,
) -> tuple[Progress, list[float]]:
    """Check the plan's cost and announce it; what to report progress to, and the bits last reported. ``held``:
    bytes of the inputs; ``record``: keeps the curve."""
    check_limits(replace(plan.cost, memory=spent(plan, held)), limits)
    report = None if watch is None else watch(plan)
    last = [0.0]

    def progress(done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
        last[0] = bits
        if record is not None and not stage:
            record.add(done, bits, mistakes)
        if report is not None and stage:
            report(done, bits, stage)
        elif report is not None:
            report(done, bits)

    return progress, last
