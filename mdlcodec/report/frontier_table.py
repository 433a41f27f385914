"""A study of sparse networks, as an object: a row for each file, and pictures after Barth & von Petersenn 2025."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdlcodec.report.comparison_table import as_pandas
from mdlcodec.report.frontiers import MARKERS, Frontier, draw_isolines, marked
from mdlcodec.report.plot import logarithmic, new_figure

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class FrontierRow:
    """One file, which was decoded. Sizes in bytes; ``test_loss``: bits a label; ``weights_share``,
    ``activations_share``, ``multiply_adds``, ``nominal``, ``units``: see report.structure."""

    method: str
    strength: float
    rho: float
    seed: int
    bytes: int
    network_bytes: int
    labels_bytes: int
    training_error: float
    test_error: float
    test_loss: float
    nonzeros: int
    nominal: int
    units: str
    weights_share: float
    activations_share: float
    multiply_adds: int
    seconds: float
    MEASURED: ClassVar[tuple[str, ...]] = (
        "bytes", "network_bytes", "labels_bytes", "training_error", "test_error", "test_loss", "nonzeros",
        "nominal", "units", "weights_share", "activations_share", "multiply_adds", "seconds",
    )  # fmt: skip


@dataclass(frozen=True)
class FrontierTable(Frontier[FrontierRow]):
    """``rows``: of ``labels`` training labels of ``classes`` classes, tested on ``test_labels``."""

    rows: tuple[FrontierRow, ...]
    labels: int
    classes: int
    test_labels: int

    LOSS: ClassVar[str] = "test_loss"

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each file. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Test loss against bytes, with isolines of the description length. Raises MdlcodecError where matplotlib
        is missing."""
        return loss_against_bytes(self)


def loss_against_bytes(table: FrontierTable) -> Figure:
    """Figures 1 and 2: test loss in bits a label against the network's bytes, one marker a method. Isolines:
    the bytes of the network and of the labels at that loss."""
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    sizes, losses = [row.network_bytes for row in table.rows], [row.test_loss for row in table.rows]
    draw_isolines(axes, sizes, losses, table.labels)
    for number, method in enumerate(table.methods):
        rows = [row for row in table.rows if row.method == method]
        own = [row.network_bytes for row in rows], [row.test_loss for row in rows]
        axes.plot(*own, label=method, **marked(number))
    axes.set_ylabel("test loss, bits a label")
    axes.set_title(
        f"isolines: bytes of network and {table.labels:,} labels at that loss", parse_math=False, fontsize=10
    )
    axes.legend()
    return figure


def accuracy_against_compression(table: FrontierTable) -> Figure:
    """Figures 4 and 5: test accuracy against how often smaller the network is than all its weights of four
    bytes; the concave hull of all points (where shapely is installed), and rho as colour."""
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    axes.set_xscale("log")
    rhos = sorted({row.rho for row in table.rows})
    for number, method in enumerate(table.methods):
        rows = [row for row in table.rows if row.method == method]
        shades = [rhos.index(row.rho) / max(1, len(rhos) - 1) for row in rows]
        axes.scatter(
            [4 * row.nominal / row.network_bytes for row in rows],
            [100 * (1 - row.test_error) for row in rows],
            **(
                {"c": shades, "cmap": "viridis", "vmin": 0, "vmax": 1}
                if len(rhos) > 1
                else {"c": f"C{number}"}
            ),
            marker=MARKERS[number % len(MARKERS)],
            edgecolors="black",
            linewidths=0.4,
            label=method,
        )
    points = [
        (math.log(4 * row.nominal / row.network_bytes), 100 * (1 - row.test_error)) for row in table.rows
    ]
    hull = _hull(points)
    if hull:
        axes.plot([math.exp(x) for x, _ in hull], [y for _, y in hull], "-", color="0.4", linewidth=1)
    logarithmic(axes.xaxis)
    axes.set_xlabel("times smaller than weights of four bytes")
    axes.set_ylabel("test accuracy, %")
    if len(rhos) > 1:
        axes.set_title(f"dark to light: rho {', '.join(f'{rho:g}' for rho in rhos)}", fontsize=10)
    axes.legend()
    return figure


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The concave hull of points, closed; empty where shapely is missing, or there are too few."""
    try:
        from shapely import MultiPoint, concave_hull
    except ImportError:
        return []
    if len(set(points)) < 4:
        return []
    xs, ys = np.array(points).T
    spans = max(float(np.ptp(xs)), 1e-9), max(float(np.ptp(ys)), 1e-9)
    scaled = MultiPoint([(x / spans[0], y / spans[1]) for x, y in points])
    hull = concave_hull(scaled, ratio=0.4)
    if hull.geom_type != "Polygon":
        return []
    return [(x * spans[0], y * spans[1]) for x, y in hull.exterior.coords]
