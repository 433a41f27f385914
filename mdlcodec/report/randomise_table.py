"""A study of networks that fit random labels, as an object, and its picture (Zhou et al. 2018, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

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

    def findings(self) -> list[str]:
        """What pruning leaves at the highest sparsity, and where Theorem 6.1 stands."""
        most = max(row.sparsity for row in self.rows)
        left = [row for row in self.rows if row.sparsity == most]
        above = [row for row in self.rows if row.least_bytes > row.network_bytes]
        closest = max(self.rows, key=lambda row: row.least_bytes / row.network_bytes)
        return [
            f"With {most:.4g} of the weights gone, training accuracy is "
            + ", ".join(f"{row.training_accuracy:.1%} at noise {row.noise:g}" for row in left)
            + ".",
            "Theorem 6.1 is below the networks' mean size everywhere"
            f"; it comes closest with {closest.least_bytes:,.1f} of {closest.network_bytes:,.0f} bytes (noise "
            f"{closest.noise:g}, sparsity {closest.sparsity:g})."
            if not above
            else "Theorem 6.1 is above the networks' mean size at "
            + ", ".join(f"noise {row.noise:g}, sparsity {row.sparsity:g}" for row in above)
            + ": there the means over so few training sets are not the expectations that it is about.",
        ]

    def plot(self) -> Figure:
        """Training accuracy after pruning, bytes of the networks, and of whole files. Raises MdlcodecError where
        matplotlib is missing."""
        from mdlcodec.report.plot import logarithmic, new_figure, number

        figure = new_figure(13.0, 4.2)
        accuracy, network, both = figure.subplots(1, 3)
        for place, noise in enumerate(dict.fromkeys(row.noise for row in self.rows)):
            rows = [row for row in self.rows if row.noise == noise]
            gone = [100 * row.sparsity for row in rows]
            style: dict[str, Any] = {
                "linestyle": _STYLES[place % len(_STYLES)],
                "marker": _MARKERS[place % len(_MARKERS)],
                "label": f"{noise:.0%} random",
                "color": f"C{place}",
            }
            accuracy.plot(gone, [100 * row.training_accuracy for row in rows], **style)
            errors = [row.network_bytes_error or 0.0 for row in rows]
            network.errorbar(gone, [row.network_bytes for row in rows], errors, capsize=3, **style)
            least = style | {"linewidth": 0.8, "markerfacecolor": "white", "markersize": 5}
            network.plot(gone, [row.least_bytes for row in rows], **least)
            both.plot(gone, [row.bytes for row in rows], **style)
        accuracy.set_ylabel("training accuracy, %")
        network.set_ylabel("bytes of the network; white: Theorem 6.1")
        both.set_ylabel("bytes of network and labels, whole file")
        network.set_yscale("symlog", linthresh=10)
        logarithmic(both.yaxis)
        for axes in (accuracy, network, both):
            axes.set_xlabel("weights that are gone, %")
            axes.grid(alpha=0.3)
        network.yaxis.set_major_formatter(lambda value, _: number(value))
        network.yaxis.set_minor_formatter("")
        accuracy.legend()
        return figure
