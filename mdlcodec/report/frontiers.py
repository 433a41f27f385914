"""What tables of frontiers have in common: which files are ahead, in words too, and isolines of a description
length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from mdlcodec.report.plot import logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# told apart in grey, too
MARKERS = "osD^vP*Xd<>p"
_LINES = 9  # isolines, or so


class Row(Protocol):
    """A file of a network."""

    @property
    def method(self) -> str:
        """How it was trained."""

    @property
    def network_bytes(self) -> int:
        """In its file."""


_Row = TypeVar("_Row", bound=Row)


def ahead(rows: Sequence[_Row], size: str, loss: str) -> tuple[_Row, ...]:
    """Those that no other one beats in size and in loss at once, by size; both are names of fields."""
    found: list[_Row] = []
    for row in sorted(rows, key=lambda row: (getattr(row, size), getattr(row, loss))):
        if not found or getattr(row, loss) < getattr(found[-1], loss):
            found.append(row)
    return tuple(found)


def findings(rows: Sequence[Row], loss: str) -> list[str]:
    """Which method is ahead at which size, in bytes and in weights that are not 0, and whether that differs."""
    orders = {size: _runs(ahead(rows, size, loss), size) for size in ("network_bytes", "nonzeros")}
    said = [
        f"Ahead by {what}, from the smallest: "
        + ", ".join(
            f"{method} ({low:,}{'' if low == high else f' to {high:,}'})" for method, low, high in runs
        )
        + "."
        for what, runs in zip(("bytes of the network", "non-zero weights"), orders.values(), strict=True)
    ]
    by_bytes, by_counts = ([method for method, *_ in runs] for runs in orders.values())
    return [
        *said,
        "The order of the methods is the same in bytes and in counts."
        if by_bytes == by_counts
        else "The order of the methods is another one in bytes than in counts.",
    ]


def _runs(rows: Sequence[Row], size: str) -> list[tuple[str, int, int]]:
    """Methods that follow one another, each with its smallest and its largest size."""
    runs: list[tuple[str, int, int]] = []
    for row in rows:
        value = getattr(row, size)
        if runs and runs[-1][0] == row.method:
            runs[-1] = (row.method, runs[-1][1], value)
        else:
            runs.append((row.method, value, value))
    return runs


class Frontier(Generic[_Row]):
    """``rows``: a file each; ``LOSS``: the name of the field that is their loss."""

    rows: tuple[_Row, ...]
    LOSS: ClassVar[str]

    def __iter__(self) -> Iterator[_Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order in which they were given."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    def ahead(self, size: str = "network_bytes") -> tuple[_Row, ...]:
        """The files that no other one beats in size and in loss at once, by size; ``size``: the name of a field, as
        "nonzeros"."""
        return ahead(self.rows, size, self.LOSS)

    def findings(self) -> list[str]:
        """Which method is ahead at which size, in bytes and in weights that are not 0, and whether that differs."""
        return findings(self.rows, self.LOSS)


def draw_isolines(axes: Axes, sizes: Sequence[float], losses: Sequence[float], count: int) -> None:
    """Of the bytes of a network and of ``count`` symbols at a loss in bits each, both axes logarithmic, around
    files of these sizes (bytes) and losses."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = min(sizes) / 1.3, max(sizes) * 1.3
    least, most = max(min(losses) / 1.2, 1e-6), max(losses) * 1.2
    grid = np.meshgrid(np.geomspace(low, high, 200), np.geomspace(least, most, 200))
    whole = grid[0] + count * grid[1] / 8
    levels = np.geomspace(whole.min(), whole.max(), _LINES + 2)[1:-1]
    lines = axes.contour(*grid, whole, levels=levels, colors="0.6", linewidths=0.8)
    axes.clabel(lines, fmt=lambda value: f"{value:,.0f} B", fontsize=7)
    axes.set_xlim(low, high)
    axes.set_ylim(least, most)
    logarithmic(axes.xaxis)
    logarithmic(axes.yaxis)
    axes.set_xlabel("bytes of the network in its file")


def marked(number: int) -> dict[str, Any]:
    """How the files of a method are drawn."""
    return {
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": "none",
        "alpha": 0.85,
        "markeredgecolor": "black",
        "markeredgewidth": 0.4,
    }
