"""Pictures, by matplotlib, which only ``pip install 'mdlcodec[plot]'`` installs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdlcodec.errors import MdlcodecError
from mdlcodec.report.row import Row

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def require_matplotlib() -> None:
    """Raise MdlcodecError where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MdlcodecError(
            "pictures need matplotlib, which is not installed; install mdlcodec[plot]"
        ) from error


def new_figure(width: float = 6.4, height: float = 4.0) -> Figure:
    """An empty figure, of that size in inches. Raises MdlcodecError where matplotlib is not installed."""
    require_matplotlib()
    from matplotlib.figure import Figure

    class Shown(Figure):
        """Notebooks draw it, also where nothing of pyplot was used."""

        def _repr_png_(self) -> bytes:
            return png(self)

    return Shown(figsize=(width, height), layout="constrained")


def logarithmic(axis: Axis, values: Sequence[float] = ()) -> None:
    """Ticks of a logarithmic axis, with numbers as people write them; ``values``: where they are, if that is
    known."""
    from matplotlib.axis import XAxis
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    (axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale)("log")
    if len(values):
        axis.set_ticks(list(values))
        axis.set_minor_locator(NullLocator())
    else:
        low, high = sorted(axis.get_view_interval())
        axis.set_major_locator(LogLocator(subs=(1.0,) if high > 300 * low else (1.0, 2.0, 5.0)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def number(value: float) -> str:
    """As people write it: 3,000, 0.05."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def png(figure: Figure) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()


def chart_of_sizes(rows: Sequence[Row], uniform_bytes: int, title: str) -> bytes:
    """A PNG of `figure_of_sizes`."""
    return png(figure_of_sizes(rows, uniform_bytes, title))


def figure_of_sizes(rows: Sequence[Row], uniform_bytes: int, title: str) -> Figure:
    """Each code's bytes on a logarithmic scale, and n log2 k bits as a line; no rows that failed.

    Raises MdlcodecError where matplotlib is not installed.
    """
    made = [(row.code, row.bytes) for row in rows if row.bytes is not None]
    figure = new_figure()
    axes = figure.subplots()
    axes.plot([code for code, _ in made], [size for _, size in made], "o", markersize=9)
    for place, (_, size) in enumerate(made):
        axes.annotate(f"{size:,}", (place, size), (0, 9), textcoords="offset points", ha="center")
    if uniform_bytes:
        axes.axhline(
            uniform_bytes, linestyle="--", color="black", label=f"n log2 k bits: {uniform_bytes:,} bytes"
        )
        axes.legend()
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter("")
    axes.margins(y=0.15)
    axes.tick_params("x", rotation=30)
    axes.set_ylabel("bytes of the file")
    axes.set_title(title, parse_math=False)
    return figure
