"""Parquet and Arrow files: tables whose cells are what a table of text would hold (formats/data.md, "Parquet").

They are read by pyarrow, which ``pip install 'mdlcodec[tables]'`` installs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.data.cells import Cells, cells_of_values, content_of_columns
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, LabelColumn, quoted
from mdlcodec.data.header_line import target_column
from mdlcodec.data.label_choice import words_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

if TYPE_CHECKING:
    import pyarrow

_PARQUET, _ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
_BYTES_OF_A_CELL = 40  # while it is read, besides what the file says
_COPIES = 4


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return source.lower().endswith(_PARQUET + _ARROW)


def _table(source: str, limit: int | None) -> pyarrow.Table:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise BadData(
            f"{quoted(source)} is read by pyarrow, which is not installed; install mdlcodec[tables]"
        ) from error
    try:
        if source.lower().endswith(_PARQUET):
            with pyarrow.parquet.ParquetFile(source, memory_map=True) as file:
                data = file.metadata
                groups = range(data.num_row_groups)
                unpacked = sum(data.row_group(i).total_byte_size for i in groups)  # integers
                check_reading(
                    _COPIES * unpacked + _BYTES_OF_A_CELL * data.num_rows * data.num_columns, quoted(source)
                )
                table = file.read()
        else:
            size = Path(source).stat().st_size
            check_reading(_COPIES * size, quoted(source))
            with pyarrow.memory_map(source) as stream:
                table = pyarrow.ipc.open_file(stream).read_all()
                check_reading(_BYTES_OF_A_CELL * table.num_rows * table.num_columns, quoted(source))
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise BadData(
            f"cannot read {quoted(source)}: {quoted(reason)}; give a file that is complete"
        ) from error
    if not table.num_rows or not table.num_columns:
        raise BadData(f"{quoted(source)} has no rows; give a table with at least one example")
    return table if limit is None else table.slice(0, limit)


def _cells(column: Any, name: str) -> Cells:
    import pyarrow

    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_nested(kind) or pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        raise BadData(f"column {quoted(name)} holds {kind}, which no cell of a table holds; leave it out")
    whole = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    if isinstance(whole, pyarrow.ChunkedArray):  # of no chunk, or more than fit into one
        whole = pyarrow.concat_arrays(whole.chunks)
    coded = whole if isinstance(whole, pyarrow.DictionaryArray) else whole.dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    numbers = pyarrow.types.is_floating(kind)  # as numpy writes them: the shortest text that reads back
    values = coded.dictionary.to_numpy(zero_copy_only=False) if numbers else coded.dictionary.to_pylist()
    return cells_of_values(list(values), np.asarray(codes))


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Input columns, and the labels of the target column."""
    _refuse_text(asked.header, asked.delimiter)
    table = _table(source, limit)
    names = [str(name) for name in table.column_names]
    index, _ = target_column(source, asked, names, True, True)
    cells = _cells(table.column(index), names[index])
    labels = words_as(choice, cells.words, cells.codes, LabelColumn(index, names[index]))
    inputs = [_cells(table.column(j), names[j]) for j in range(len(names)) if j != index]
    if not inputs:
        raise BadData(f"{quoted(source)} has no columns beside the labels; give the inputs too")
    return replace(content_of_columns(inputs)), labels


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The table without column ``ignore``, if it has that and another one; then with all its columns."""
    _refuse_text(None, delimiter)
    table = _table(source, limit)
    columns = [_cells(table.column(j), str(name)) for j, name in enumerate(table.column_names)]
    choices = [columns]
    if ignore is not None and 0 <= ignore < len(columns) and len(columns) > 1:
        choices.insert(0, columns[:ignore] + columns[ignore + 1 :])
    return [content_of_columns(chosen, len(choices)) for chosen in choices]


def _refuse_text(header: bool | None, delimiter: str | None) -> None:
    for option, given in (("--header", header), ("--delimiter", delimiter)):
        if given is not None:
            raise BadData(f"{option} is for tables of text, and this file says it itself; leave it out")
