"""A study of sparse networks, as an object: a row for each file, and the papers' pictures of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from mdlcodec.report.comparison_table import as_pandas

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
class FrontierTable:
    """``rows``: of ``labels`` training labels of ``classes`` classes, tested on ``test_labels``."""

    rows: tuple[FrontierRow, ...]
    labels: int
    classes: int
    test_labels: int

    def __iter__(self) -> Iterator[FrontierRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order in which they were given."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    def ahead(self) -> tuple[FrontierRow, ...]:
        """The files that no other one beats in bytes of the network and in test loss at once, by bytes."""
        found: list[FrontierRow] = []
        for row in sorted(self.rows, key=lambda row: (row.network_bytes, row.test_loss)):
            if not found or row.test_loss < found[-1].test_loss:
                found.append(row)
        return tuple(found)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each file. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.rows])

    def plot(self) -> Figure:
        """Test loss against bytes, with isolines of the description length. Raises MdlcodecError where matplotlib
        is missing."""
        from mdlcodec.report.frontier_pictures import loss_against_bytes

        return loss_against_bytes(self)
