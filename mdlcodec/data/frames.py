"""Data frames of pandas: an array where all columns are numbers, else the table of its cells.

Format: formats/data.md, "Data frames".
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mdlcodec.data.cells import Cells, cells_of_values, content_of_columns
from mdlcodec.data.dataset import Content
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

_BYTES_OF_A_CELL = 24


def is_frame(value: object) -> bool:
    """Whether it is a DataFrame or a Series of pandas; nobody holds one where pandas was not imported."""
    library = sys.modules.get("pandas")
    return library is not None and isinstance(value, library.DataFrame | library.Series)


def columns_of(frame: Any) -> list[Cells] | None:
    """The cells of a frame with columns that are no numbers; None where all are, and it is an array."""
    kinds = [frame.dtype] if frame.ndim == 1 else list(frame.dtypes)
    if all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in kinds):
        mixed = len(kinds) > 1 and any(kind.kind == "b" for kind in kinds) and len(set(kinds)) > 1
        if not mixed:  # numpy has no dtype for numbers beside truth values
            return None
    columns = [frame] if frame.ndim == 1 else [frame.iloc[:, j] for j in range(frame.shape[1])]
    check_reading(_BYTES_OF_A_CELL * len(frame) * len(columns), "the data frame")
    return [_cells(column) for column in columns]


def frame_content(frame: Any) -> Content | None:
    """The examples of a frame that is a table; None for one that is an array. Raises BadData."""
    if len(frame) == 0 or (frame.ndim == 2 and frame.shape[1] == 0):
        raise BadData(f"x has shape {frame.shape} and so no examples; give at least one")
    columns = columns_of(frame)
    return None if columns is None else content_of_columns(columns)


def _cells(column: Any) -> Cells:
    codes, values = column.factorize()
    return cells_of_values(list(np.asarray(values)), np.asarray(codes))
