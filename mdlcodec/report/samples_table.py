"""A study of sample efficiency, as an object: test loss and codelength against n, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mdlcodec.report.comparison_table import as_pandas
from mdlcodec.report.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGULARISED, UNREGULARISED, PREQUENTIAL = "regularised", "not regularised", "prequential"
# told apart in grey, too
_STYLES: dict[str, dict[str, Any]] = {
    REGULARISED: {"color": "C0", "marker": "o", "linestyle": "-"},
    UNREGULARISED: {"color": "C1", "marker": "s", "linestyle": "--"},
    PREQUENTIAL: {"color": "0.35", "marker": "D", "linestyle": ":"},
}
CAPTION = "Means over seeds, with Student's 95 % intervals."
THEOREM_CAPTION = (
    "Theorem 2.1 (Barth & von Petersenn 2025) says that a mixture xi >= w mu takes at most -log2 w(mu) bits more "
    "than the teacher mu, in expectation, for every n. Here w is 2 to the power of minus the bits of the teacher's "
    "own file (weights and sigma), and mu is what that file decodes to. It is a theorem for such mixtures, not for "
    "students that are trained, as the prequential code's are: where points stay below the line, the code does as "
    "well as the theorem promises of a mixture; nothing makes it."
)


@dataclass(frozen=True)
class SampleRow:
    """One file of the targets of n examples. ``kind``: one of the three above; ``method``, ``strength``: of the
    shortest of the regularised files, None beside; sizes in bytes; ``test_loss``: bits a label, or the mean squared
    error of real numbers; ``test_error``: share of the test labels, None of reals. Of data that a teacher drew:
    ``teacher_bits``, -log2 p of the targets under it (ideal), and ``teacher_bytes``, its own file."""

    n: int
    seed: int
    kind: str
    method: str | None
    strength: float | None
    bytes: int
    network_bytes: int | None
    targets_bytes: int | None
    nonzeros: int | None
    test_loss: float | None
    test_error: float | None
    teacher_bits: float | None = None
    teacher_bytes: int | None = None


@dataclass(frozen=True)
class SamplesTable:
    """``rows``: for each n and seed one of each kind; ``unit``: of the test loss; ``noise``: the loss of the
    teacher itself, None where there is none."""

    rows: tuple[SampleRow, ...]
    unit: str
    noise: float | None = None

    def __iter__(self) -> Iterator[SampleRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each file. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of examples, ascending."""
        return tuple(sorted({row.n for row in self.rows}))

    @property
    def has_teacher(self) -> bool:
        """Whether a teacher drew the data."""
        return self.rows[0].teacher_bits is not None

    def of(self, n: int, kind: str) -> tuple[SampleRow, ...]:
        """The rows of that kind, by seed."""
        rows = (row for row in self.rows if (row.n, row.kind) == (n, kind))
        return tuple(sorted(rows, key=lambda row: row.seed))

    def loss(self, n: int, kind: str) -> Interval | None:
        """Of the test loss; None where the kind has none."""
        losses = [row.test_loss for row in self.of(n, kind) if row.test_loss is not None]
        return Interval.of(losses) if losses else None

    def bits(self, n: int, kind: str) -> Interval:
        """Of the whole file's bits."""
        return Interval.of([8.0 * row.bytes for row in self.of(n, kind)])

    def loss_difference(self, n: int) -> Interval:
        """Of the test loss, regularised less not, on the same examples."""
        return Interval.of([a - b for a, b in zip(*self._losses(n), strict=True)])

    def bytes_difference(self, n: int) -> Interval:
        """Of the files' bytes, regularised less not, of the same targets."""
        pairs = zip(self.of(n, REGULARISED), self.of(n, UNREGULARISED), strict=True)
        return Interval.of([float(a.bytes - b.bytes) for a, b in pairs])

    def above_teacher(self, n: int) -> Interval:
        """Of the prequential file's bits less those under the teacher. Raises ValueError where there is none."""
        rows = self.of(n, PREQUENTIAL)
        if any(row.teacher_bits is None for row in rows):
            raise ValueError("no teacher drew these data")
        return Interval.of([8.0 * row.bytes - (row.teacher_bits or 0.0) for row in rows])

    def teacher_file(self) -> Interval:
        """Of the bits of the teachers' own files."""
        rows = self.of(self.sizes[0], PREQUENTIAL)
        return Interval.of([8.0 * (row.teacher_bytes or 0) for row in rows])

    def fewer(self, n: int) -> int | None:
        """The smallest of the sizes, below n, at which the regularised network's mean test loss is no more than
        the other's at n; None where there is none."""
        target = self.loss(n, UNREGULARISED)
        for size in self.sizes:
            reached = self.loss(size, REGULARISED)
            if size < n and target is not None and reached is not None and reached.mean <= target.mean:
                return size
        return None

    def findings(self) -> list[str]:
        """What differs at each n, and what does not, by intervals of the differences on the same examples."""
        said = [self._finding(n) for n in self.sizes]
        reached = [(n, self.fewer(n)) for n in self.sizes]
        some = [f"{fewer:,} in place of {n:,}" for n, fewer in reached if fewer is not None]
        said.append(
            f"For the mean test loss of the other, the regularised network needs {', '.join(some)} examples, of "
            "the sizes tried."
            if some
            else "For the mean test loss of the other, the regularised network needs no fewer examples, of the "
            "sizes tried."
        )
        if self.has_teacher:
            for n in self.sizes:
                above = self.above_teacher(n)
                said.append(
                    f"n = {n:,}: the prequential file takes {above.mean:,.0f} bits more than the teacher's "
                    f"-log2 p{_reach(above, ',.0f')}; the teacher's own file has {self.teacher_file().mean:,.0f}."
                )
        return said

    def plot(self) -> Figure:
        """Test loss, and bits an example, against n; with a teacher Theorem 2.1 too. Raises MdlcodecError where
        matplotlib is missing."""
        from mdlcodec.report.plot import logarithmic, new_figure

        panels = 2 + self.has_teacher
        figure = new_figure(4.4 * panels, 4.0)
        loss, bits, *theorem = figure.subplots(1, panels)
        for kind in _STYLES:
            found = {n: self.loss(n, kind) for n in self.sizes}
            _draw(loss, kind, {n: one for n, one in found.items() if one is not None})
            each = {n: _scaled(self.bits(n, kind), 1.0 / n) for n in self.sizes}
            _draw(bits, kind, each)
        if self.noise is not None and self.noise > 0:
            loss.axhline(self.noise, color="black", linewidth=0.8, label="the teacher")
        loss.set_ylabel(f"test loss, {self.unit}")
        bits.set_ylabel("bits an example, whole file")
        if self.has_teacher:
            rows = {n: [row.teacher_bits or 0.0 for row in self.of(n, PREQUENTIAL)] for n in self.sizes}
            under = [sum(found) / len(found) / n for n, found in rows.items()]
            bits.plot(self.sizes, under, color="black", linewidth=0.8, label="under the teacher, ideal")
            _draw(theorem[0], PREQUENTIAL, {n: self.above_teacher(n) for n in self.sizes})
            theorem[0].axhline(
                self.teacher_file().mean, color="black", linewidth=0.8, label="bits of the teacher's own file"
            )
            theorem[0].set_ylabel("bits above -log2 p of the teacher")
            theorem[0].set_ylim(bottom=min(0.0, *(self.above_teacher(n).mean for n in self.sizes)))
        logarithmic(loss.yaxis)
        logarithmic(bits.yaxis)
        for axes in (loss, bits, *theorem):
            logarithmic(axes.xaxis, self.sizes)
            axes.set_xlabel("examples n")
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        return figure

    def _losses(self, n: int) -> tuple[list[float], list[float]]:
        """Regularised and not, by seed."""
        with_, without = self.of(n, REGULARISED), self.of(n, UNREGULARISED)
        return [row.test_loss or 0.0 for row in with_], [row.test_loss or 0.0 for row in without]

    def _finding(self, n: int) -> str:
        seeds = len(self.of(n, REGULARISED))
        means = [sum(losses) / len(losses) for losses in self._losses(n)]
        head = f"n = {n:,}: test loss {means[0]:.4g} regularised, {means[1]:.4g} not"
        if seeds == 1:
            return f"{head}; one seed says nothing of differences."
        loss, size = self.loss_difference(n), self.bytes_difference(n)
        what = "no difference" if loss.has_zero else "lower" if loss.mean < 0 else "higher"
        files = "of no different size" if size.has_zero else "shorter" if size.mean < 0 else "longer"
        return (
            f"{head}: {what} (by {_signed(loss, '+.3g')}); files {files} (by {_signed(size, '+,.0f')} bytes), "
            f"{CONFIDENCE:.0%} over {seeds} seeds."
        )


def _signed(interval: Interval, form: str) -> str:
    return f"{format(interval.low, form)} to {format(interval.high, form)}"


def _reach(interval: Interval, form: str) -> str:
    if interval.count == 1:
        return ""
    return f" ({format(interval.low, form)} to {format(interval.high, form)})"


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.mean * factor, interval.half * factor, interval.count)


def _draw(axes: Axes, kind: str, found: dict[int, Interval]) -> None:
    """Means with their intervals, which end above 0 where the axis is logarithmic."""
    if not found:
        return
    means = [one.mean for one in found.values()]
    halves = [one.half if one.count > 1 else 0.0 for one in found.values()]
    below = [min(half, 0.95 * abs(mean)) for half, mean in zip(halves, means, strict=True)]
    axes.errorbar(list(found), means, yerr=[below, halves], capsize=3, label=kind, **_STYLES[kind])
