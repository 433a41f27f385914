"""A comparison of codes, as an object: the rows of Blier & Ollivier 2018, Table 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mdlcodec.data.dataset import AnyLabels, Dataset
from mdlcodec.errors import MdlcodecError
from mdlcodec.report.accuracy import examples_of
from mdlcodec.report.comparison import Comparison, ordered_codes
from mdlcodec.report.row import Row
from mdlcodec.report.table import table_1

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from mdlcodec.limits import Limits


@dataclass(frozen=True)
class ComparisonTable:
    """``rows``: one for each code, see `mdlcodec.report.row.Row`; of ``labels`` labels of ``classes`` classes,
    which uniform coding puts into ``uniform_bytes`` at the least."""

    rows: tuple[Row, ...]
    labels: int
    classes: int
    uniform_bytes: int

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, code: str) -> Row:
        """The row of a code. Raises KeyError for one that is not there."""
        for row in self.rows:
            if row.code == code:
                return row
        raise KeyError(code)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each code. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Each code's bytes. Raises MdlcodecError where matplotlib is not installed."""
        from mdlcodec.report.plot import figure_of_sizes

        title = f"{self.labels:,} labels of {self.classes:,} classes"
        return figure_of_sizes(self.rows, self.uniform_bytes, title)

    def __str__(self) -> str:
        return "\n".join(table_1(self.rows))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{escape(str(self))}</pre>"


def as_pandas(rows: Sequence[dict[str, object]]) -> pandas.DataFrame:
    """Rows as a DataFrame. Raises MdlcodecError where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise MdlcodecError("this needs pandas, which is not installed; install mdlcodec[tables]") from error
    return pandas.DataFrame(list(rows))


def compared(
    dataset: Dataset,
    codes: Sequence[str] | None,
    test: Dataset | None,
    folder: Path,
    verify: Callable[[Path, AnyLabels], float],
    *,
    preset: int,
    seed: int,
    device: str,
    limits: Limits,
) -> ComparisonTable:
    """The labels of ``dataset`` under every code of these names (None: all of them), each a file in ``folder`` that
    ``verify`` decodes before it counts. Raises BadData before anything is encoded."""
    names = ordered_codes(codes)
    comparison = Comparison(
        dataset,
        folder,
        preset=preset,
        seed=seed,
        device=device,
        limits=limits,
        test=None if test is None else examples_of(test, dataset),
    )
    comparison.check(names)
    rows = [comparison.row(name, verify)[0] for name in names]
    return ComparisonTable(tuple(rows), comparison.labels.n, comparison.classes, comparison.uniform_bytes)
