"""A study of students of a teacher, as an object, and its pictures (Barth & von Petersenn 2025, Figures 1 and
4c)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

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
    """``sigma``: deviation of the noise; targets are multiples of 2^-``step_bits``."""

    rows: tuple[TeacherRow, ...]
    sigma: float
    step_bits: int = 8

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

    def frontier(self) -> Figure:
        """Test error against bytes of the network, for each n (Figures 1 and 4c). Isolines: bytes of the network
        and of n numbers under a Gaussian of that error. Raises MdlcodecError where matplotlib is missing."""
        from mdlcodec.report.plot import logarithmic, new_figure

        of_networks = [row for row in self.rows if row.network_bytes is not None]
        sizes = sorted({row.n for row in of_networks})
        columns = min(3, len(sizes))
        figure = new_figure(4.4 * columns, 3.6 * -(-len(sizes) // columns))
        panels = figure.subplots(-(-len(sizes) // columns), columns, squeeze=False).flatten()
        for axes, n in zip(panels, sizes, strict=False):
            rows = [row for row in of_networks if row.n == n]
            xs = np.array([row.network_bytes for row in rows], float)
            ys = np.array([row.test_error for row in rows], float)
            ends = xs.min() / 1.2, xs.max() * 1.2, ys.min() / 1.3, ys.max() * 1.3
            grid = np.meshgrid(np.geomspace(*ends[:2], 100), np.geomspace(*ends[2:], 100))
            numbers = n * (0.5 * np.log2(2 * math.pi * math.e * grid[1]) + self.step_bits) / 8
            lines = axes.contour(*grid, grid[0] + numbers, levels=6, colors="0.6", linewidths=0.8)
            axes.clabel(lines, fmt=lambda value: f"{value:,.0f} B", fontsize=7)
            for place, method in enumerate(dict.fromkeys(row.method for row in rows)):
                own = [row for row in rows if row.method == method]
                axes.plot(
                    [row.network_bytes for row in own],
                    [row.test_error for row in own],
                    _MARKERS[place % len(_MARKERS)],
                    label=method,
                    alpha=0.8,
                    markeredgecolor="black",
                    markeredgewidth=0.4,
                )
            axes.axhline(max(self.sigma**2, ends[2]), color="black", linewidth=0.8, linestyle="--")
            axes.set_xlim(*ends[:2])
            axes.set_ylim(*ends[2:])
            logarithmic(axes.xaxis)
            logarithmic(axes.yaxis)
            axes.set_title(f"n = {n:,}", fontsize=10)
            axes.set_xlabel("bytes of the network")
            axes.set_ylabel("test error, mean squared")
        panels[0].legend()
        for axes in panels[len(sizes) :]:
            axes.set_visible(False)
        return figure

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
        axes.plot(sizes, [8 * self.gaussian(n) / n for n in sizes], "kx--", label="one Gaussian, ideal")
        logarithmic(axes.xaxis, sizes)
        logarithmic(axes.yaxis)
        axes.set_xlabel("examples n")
        axes.set_ylabel("bits a number, whole file")
        axes.grid(alpha=0.3)
        axes.legend()
        return figure
