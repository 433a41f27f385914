"""A study of students of a teacher, as an object, and its pictures (Barth & von Petersenn 2025, Figures 1 and
4c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from mdlcodec.report.comparison_table import as_pandas

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class TeacherRow:
    """One file of n numbers. ``network_bytes``, ``targets_bytes``, ``test_error`` (mean squared) and
    ``nonzeros`` of two- part codes; ``teacher_nonzeros``: weights of the teacher itself; ``gaussian_bytes``:
    ideal, of the same numbers."""

    n: int
    seed: int
    method: str
    strength: float | None
    bytes: int
    network_bytes: int | None
    targets_bytes: int | None
    test_error: float | None
    nonzeros: int | None
    teacher_nonzeros: int
    gaussian_bytes: float


@dataclass(frozen=True)
class TeacherTable:
    """``sigma``: deviation of the noise."""

    rows: tuple[TeacherRow, ...]
    sigma: float

    def __iter__(self) -> Iterator[TeacherRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each file. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def shortest(self, n: int, method: str) -> float:
        """Median over seeds of the bytes of a method's shortest file of n numbers."""
        seeds = {row.seed for row in self.rows}
        return median(
            min(row.bytes for row in self.rows if (row.n, row.method, row.seed) == (n, method, seed))
            for seed in seeds
        )

    def gaussian(self, n: int) -> float:
        """Median over seeds of the ideal bytes under one Gaussian."""
        return median({row.seed: row.gaussian_bytes for row in self.rows if row.n == n}.values())

    def findings(self) -> list[str]:
        """Of each n: the method of the shortest files, and their size against one Gaussian's."""
        said = []
        for n in sorted({row.n for row in self.rows}):
            methods = dict.fromkeys(row.method for row in self.rows if row.n == n)
            sizes = {method: self.shortest(n, method) for method in methods}
            method = min(sizes, key=sizes.__getitem__)
            networks = {name: size for name, size in sizes.items() if self._has_networks(name)}
            of_networks = min(networks, key=networks.__getitem__)
            said.append(
                f"n = {n:,}: the shortest files are of {method} ({sizes[method]:,.0f} bytes, "
                f"{sizes[method] / self.gaussian(n):.2f} of one Gaussian's); of those that transmit a network, of "
                f"{of_networks} ({networks[of_networks]:,.0f} bytes, "
                f"{networks[of_networks] / self.gaussian(n):.2f})."
            )
        return said

    def _has_networks(self, method: str) -> bool:
        return any(row.network_bytes is not None for row in self.rows if row.method == method)

    def plot(self) -> Figure:
        """Bytes a number against n, of each method's shortest files. Raises MdlcodecError where matplotlib is
        missing."""
        from mdlcodec.report.plot import logarithmic, new_figure

        figure = new_figure()
        axes = figure.subplots()
        sizes = sorted({row.n for row in self.rows})
        for number, method in enumerate(dict.fromkeys(row.method for row in self.rows)):
            bits = [8 * self.shortest(n, method) / n for n in sizes]
            axes.plot(sizes, bits, f"{_MARKERS[number % len(_MARKERS)]}-", label=method)
        axes.plot(sizes, [8 * self.gaussian(n) / n for n in sizes], "k--", label="one Gaussian, ideal")
        logarithmic(axes.xaxis, sizes)
        logarithmic(axes.yaxis)
        axes.set_xlabel("examples n")
        axes.set_ylabel("bits a number, whole file")
        axes.grid(alpha=0.3)
        axes.legend()
        return figure
