"""A study of probes, as an object: a row for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

from mdlcodec.report.comparison_table import as_pandas

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ProbeRow:
    """One layer. Bits are of whole files that were decoded, the mean over seeds.

    ``ratio``: to n log2 k; ``mutual_information``: H(Y) - bits / n, bits a label; ``control_bits``: of labels that
    the control task draws, None without one; ``selectivity``: how many bits a label fewer the labels take than the
    control's; ``bits_by_seed``, ``control_bits_by_seed``: in the seeds' order; ``seconds``: of encoding, in all.
    """

    layer: str
    features: int
    bits: float
    ratio: float
    mutual_information: float
    control_bits: float | None
    selectivity: float | None
    bits_by_seed: tuple[int, ...]
    control_bits_by_seed: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class ProbeTable:
    """``rows``: the layers in the order they were given; of ``labels`` labels of ``classes`` classes, under seeds
    0, 1, .."""

    rows: tuple[ProbeRow, ...]
    labels: int
    classes: int
    seeds: int

    def __iter__(self) -> Iterator[ProbeRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, layer: str) -> ProbeRow:
        """The row of a layer. Raises KeyError for one that is not there."""
        for row in self.rows:
            if row.layer == layer:
                return row
        raise KeyError(layer)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each layer. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Kilobits of each layer, and of its control task. Raises MdlcodecError where matplotlib is missing."""
        from mdlcodec.report.plot import new_figure

        figure = new_figure()
        axes = figure.subplots()
        names = [row.layer for row in self.rows]
        axes.plot(names, [row.bits / 1000 for row in self.rows], "o-", label="labels")
        control = [row.control_bits / 1000 for row in self.rows if row.control_bits is not None]
        if len(control) == len(names):
            axes.plot(names, control, "s--", label="control task")
            axes.legend()
        axes.set_ylim(bottom=0)
        axes.tick_params("x", rotation=30)
        axes.set_ylabel("codelength, kbit")
        axes.set_title(f"{self.labels:,} labels of {self.classes:,} classes", parse_math=False)
        return figure

    def __str__(self) -> str:
        head = [
            "layer",
            "features",
            "bits",
            "ratio",
            "bits a label",
            "control bits",
            "selectivity",
            "seconds",
        ]
        cells = [head]
        for row in self.rows:
            cells.append(
                [
                    row.layer,
                    f"{row.features:,}",
                    f"{row.bits:,.0f}",
                    f"{row.ratio:.3f}",
                    f"{row.bits / self.labels:.3f}",
                    "-" if row.control_bits is None else f"{row.control_bits:,.0f}",
                    "-" if row.selectivity is None else f"{row.selectivity:.3f}",
                    f"{row.seconds:.1f}",
                ]
            )
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = []
        for first, *others in cells:
            numbers = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
            lines.append("  ".join([first.ljust(widths[0]), *numbers]))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{escape(str(self))}</pre>"
