"""A study of networks that are transmitted before a text, as an object: Figure 2 of Barth & von Petersenn 2025, in
bytes of files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from mdlcodec.report.comparison_table import as_pandas
from mdlcodec.report.frontiers import Frontier, draw_isolines, marked
from mdlcodec.report.plot import new_figure

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

CLAIMED = 4  # bytes that the paper counts for a weight that is not 0, and none for its place
UNREGULARISED = "unregularised"


@dataclass(frozen=True)
class TextFrontierRow:
    """One file, which was decoded. Sizes in bytes, of the file, and of network and text in it; ``loss``: ideal
    bits a byte of the text under the network; ``nominal``: weights before any went."""

    method: str
    net: str
    strength: float | None
    rho: float
    seed: int
    bytes: int
    network_bytes: int
    text_bytes: int
    loss: float
    nonzeros: int
    nominal: int
    seconds: float
    verify_seconds: float
    MEASURED: ClassVar[tuple[str, ...]] = (
        "bytes", "network_bytes", "text_bytes", "nonzeros", "nominal", "seconds", "verify_seconds",
    )  # fmt: skip

    @property
    def claimed(self) -> int:
        """Bytes at four for each weight that is not 0, and the text."""
        return CLAIMED * self.nonzeros + self.text_bytes


@dataclass(frozen=True)
class TextFrontierTable(Frontier[TextFrontierRow]):
    """``rows``: of a text of ``length`` bytes; ``prequential``: bytes of the file of the prequential code of the
    same kind of network, None where it was not made; ``xz``: of what xz -9e makes of the text."""

    rows: tuple[TextFrontierRow, ...]
    length: int
    xz: int
    prequential: int | None = None

    LOSS: ClassVar[str] = "loss"

    @property
    def shortest(self) -> TextFrontierRow:
        """The shortest file."""
        return min(self.rows, key=lambda row: row.bytes)

    def overtaking(self, row: TextFrontierRow) -> float | None:
        """How many bytes a text has at which a row's network and text are as long as xz's file, if its loss and
        xz's rate stay what they are; None where they never are."""
        saved = 8 * self.xz / self.length - row.loss
        return 8 * row.network_bytes / saved if saved > 0 else None

    def findings(self) -> list[str]:
        """Sentences: what is ahead, the shortest file beside xz and the prequential code, and what counting weights
        would have claimed."""
        best = self.shortest
        said = super().findings()
        said.append(
            f"The shortest file: {best.bytes:,} bytes ({_named(best)}: {best.network_bytes:,} of network, "
            f"{best.text_bytes:,} of text); xz -9e: {self.xz:,}"
            + ("." if self.prequential is None else f"; the prequential code: {self.prequential:,}.")
        )
        crossings = [(size, row) for row in self.rows if (size := self.overtaking(row)) is not None]
        if crossings:
            size, row = min(crossings, key=lambda pair: pair[0])
            said.append(
                f"By its loss here, {_named(row)} would be as short as xz from {size:,.0f} bytes of such text on."
            )
        else:
            said.append("No network has a loss below xz's bits a byte, so that none would overtake it.")
        claims = min(self.rows, key=lambda row: row.claimed)
        said.append(
            f"At four bytes a weight that is not 0, and none for its place, the shortest would have been "
            f"{claims.claimed:,} bytes ({_named(claims)}), whose file has {claims.bytes:,}."
        )
        return said

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each file. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Loss against bytes, with isolines of the description length. Raises MdlcodecError where matplotlib is
        missing."""
        return text_loss_against_bytes(self)


def _named(row: TextFrontierRow) -> str:
    return f"{row.net}, {row.method}" + ("" if row.strength is None else f" {row.strength:.4g}")


def text_loss_against_bytes(table: TextFrontierTable) -> Figure:
    """Figure 2: loss in bits a byte against the network's bytes, one marker a method, crosses for networks without
    regularisation. Horizontal lines: the bits a byte of the prequential code's whole file, and of xz's."""
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    lines = [("xz -9e", table.xz, ":")]
    if table.prequential is not None:
        lines.append(("prequential", table.prequential, "--"))
    rates = [8 * size / table.length for _, size, _ in lines]
    sizes, losses = [row.network_bytes for row in table.rows], [row.loss for row in table.rows]
    draw_isolines(axes, sizes, [*losses, *rates], table.length)
    for number, method in enumerate(table.methods):
        rows = [row for row in table.rows if row.method == method]
        style = marked(number)
        if method == UNREGULARISED:
            style |= {"marker": "x", "markersize": 9, "color": "black", "markeredgewidth": 2.0}
        axes.plot([row.network_bytes for row in rows], [row.loss for row in rows], label=method, **style)
    for (name, _, style_of_line), rate in zip(lines, rates, strict=True):
        axes.axhline(rate, linestyle=style_of_line, color="black", linewidth=1.2, label=f"{name}, whole file")
    axes.set_ylabel("loss, bits a byte")
    axes.set_title(
        f"isolines: bytes of network and {table.length:,} bytes of text at that loss",
        parse_math=False,
        fontsize=10,
    )
    axes.legend()
    return figure
