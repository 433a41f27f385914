"""A study of the information plane, as an object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mdlcodec.report.comparison_table import as_pandas
from mdlcodec.report.plane_pictures import plane_picture
from mdlcodec.report.plane_records import PlaneRecords

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PlaneTable(PlaneRecords):
    """See `PlaneRecords`."""

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each control, layer and estimator. Raises MdlcodecError where pandas is not installed."""
        return as_pandas([asdict(row) for row in self.summaries])

    def plot(self, control: str = "") -> Figure:
        """The plane of the plain runs, or of a control. Raises MdlcodecError where matplotlib is missing."""
        return plane_picture(self, control)
