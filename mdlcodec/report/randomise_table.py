"""A study of networks that fit random labels, as an object, and its picture (Zhou et al. 2018, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mdlcodec.report.comparison_table import as_pandas

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class RandomiseRow:
    """Means over repetitions of one share of noise at one sparsity. Accuracies: of the noisy labels that were
    trained on, and of clean test labels; bytes of network sections (with their standard error, None of one
    repetition) and of whole files; ``least_bytes``: Theorem 6.1, below the mean size in expectation."""

    noise: float
    sparsity: float
    training_accuracy: float
    test_accuracy: float
    network_bytes: float
    network_bytes_error: float | None
    bytes: float
    nonzeros: float
    least_bytes: float


@dataclass(frozen=True)
class RandomiseTable:
    """``rows``: of ``labels`` labels of ``classes`` classes in each training set."""

    rows: tuple[RandomiseRow, ...]
    labels: int
    classes: int
    test_labels: int
    repetitions: int

    def __iter__(self) -> Iterator[RandomiseRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Training accuracy after pruning, and bytes of the networks. Raises MdlcodecError where matplotlib is
        missing."""
        from mdlcodec.report.plot import new_figure

        figure = new_figure(9.0, 4.2)
        accuracy, size = figure.subplots(1, 2)
        for number, noise in enumerate(dict.fromkeys(row.noise for row in self.rows)):
            rows = [row for row in self.rows if row.noise == noise]
            gone = [100 * row.sparsity for row in rows]
            style = {
                "linestyle": _STYLES[number % len(_STYLES)],
                "marker": _MARKERS[number % len(_MARKERS)],
                "label": f"{noise:.0%} random",
                "color": f"C{number}",
            }
            accuracy.plot(gone, [100 * row.training_accuracy for row in rows], **style)
            size.plot(gone, [row.network_bytes for row in rows], **style)
            size.plot(gone, [row.least_bytes for row in rows], ":", color=f"C{number}", linewidth=1)
        accuracy.set_ylabel("training accuracy, %")
        size.set_yscale("symlog", linthresh=10)
        size.set_ylabel("bytes of the network; dotted: Theorem 6.1")
        for axes in (accuracy, size):
            axes.set_xlabel("weights that are gone, %")
            axes.grid(alpha=0.3)
        accuracy.legend()
        return figure
