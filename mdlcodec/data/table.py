"""Tables as text: separators, cells, header line, target column, digest (formats/data.md, Tables)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mdlcodec.data.bounded import open_bounded
from mdlcodec.data.cells import KEPT, SPACES, Cells, Codes, as_labels, content_of_columns, stripped
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, LabelColumn, quoted
from mdlcodec.data.delimiter import delimiter_of
from mdlcodec.data.header_line import (
    Seen,
    is_header,
    may_be_header,
    said,
    said_of_target,
    target_column,
)
from mdlcodec.data.label_choice import words_as
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

MAX_ROW_BYTES = 2**24  # line ends in quotes included
MAX_COLUMNS = 65_536
_NAME = re.compile(r".*\.(csv|tsv|tab|data|txt)([-_][^.]*)?(\.gz|\.xz)?")
_ROWS_AT_ONCE = 512  # so few that their cells stay in the processor's cache
_CELLS_AT_ONCE, _BYTES_AT_ONCE = 1 << 18, 1 << 22
# bytes at most: of a cell that was read, of one that is kept, of a distinct one besides its text, of an array
_CELL_READ, _CELL_KEPT, _WORD, _ARRAY = 64, 24, 120, 128
_WORD_AT_WORK, _TEXT_AT_WORK = 130, 3  # besides, of the words of a column that is made, and of their text
_WIDEST = 4  # bytes of a letter, of which there is one for each byte that was read
_LONG_ROW = 1 << 16
_ROWS_UNCOUNTED = 8  # between two looks at the memory; long rows are looked at on their own
_SPACES_IN_QUOTES = re.compile(r'"[ \t]|[ \t]"')
_MORE_BLANK_LINES = 65_536  # than rows


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return _NAME.fullmatch(Path(source).name) is not None


class _Lines:
    """Lines of a UTF-8 file as text, for the csv module; ``row`` are those since ``next_row``."""

    def __init__(self, stream: BinaryIO, name: str, delimiter: str) -> None:
        self._stream, self._name, self._number = stream, name, 0
        self.delimiter, self._separator = delimiter, delimiter.encode()
        self.row: list[str] = []
        self._row_bytes = self._row_separators = 0
        self.bytes = self.held = 0  # that were read; that the rows before take

    def next_row(self) -> None:
        """The lines of a row were read."""
        self.row.clear()
        self._row_bytes = self._row_separators = 0

    def __iter__(self) -> Iterator[str]:
        while raw := self._line():
            self._number += 1
            self.bytes += len(raw)
            self._row_bytes += len(raw)
            if self._row_bytes > MAX_ROW_BYTES:
                raise self._error(f"belongs to a row of more than {MAX_ROW_BYTES} bytes; is this a table?")
            if self._row_bytes > _LONG_ROW:
                self._row_separators += raw.count(self._separator)
                self._check_row(self._row_bytes)
            if b"\0" in raw:
                raise self._error("has a NUL byte; save the table as UTF-8 text")
            try:
                line = raw.decode("utf-8-sig" if self._number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._error("is not UTF-8; save the table as UTF-8 text") from error
            self.row.append(line)
            yield line

    def _line(self) -> bytes:
        """The next line, counted while it is read; of one that is too long for a row, as much as shows that."""
        parts, size = [self._stream.readline(_LONG_ROW)], _LONG_ROW
        while len(parts[-1]) == _LONG_ROW and not parts[-1].endswith(b"\n") and size <= MAX_ROW_BYTES:
            self._check_row(self._row_bytes + size)
            parts.append(self._stream.readline(_LONG_ROW))
            size += _LONG_ROW
        return b"".join(parts)

    def _check_row(self, size: int) -> None:
        """Raise LimitExceeded where a row of so many bytes, and of the separators seen, takes too much memory."""
        needed = 2 * _WIDEST * size + _CELL_READ * self._row_separators
        check_reading(self.held + needed, quoted(self._name))

    def _error(self, what: str) -> BadData:
        return BadData(f"{quoted(self._name)} line {self._number} {what}")


def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    """A cell with what ends it."""
    end = re.escape(delimiter)
    return re.compile(rf' *("(?:[^"]|"")*"|[^{end}]*)(?:{end}|\r?\n?\Z)')


def _marked(row: list[str], lines: list[str], pattern: re.Pattern[str]) -> list[str]:
    """The cells, with KEPT before those in quotes, where one has spaces or tabs at its ends."""
    text = "".join(lines)
    if _SPACES_IN_QUOTES.search(text) is None:
        return row
    cells, at = [], 0
    for cell in row:
        match = pattern.match(text, at)
        assert match is not None  # the csv module read the same cell
        at = match.end()
        cells.append(KEPT + cell if match[1].startswith('"') and cell.strip(SPACES) != cell else cell)
    return cells


def _rows(lines: _Lines, name: str) -> Iterator[list[str]]:
    """Rows of cells, all of one number; blank lines are left out. Quoted cells: see _marked."""
    reader = csv.reader(lines, delimiter=lines.delimiter, skipinitialspace=True, strict=True)
    pattern = _cell_pattern(lines.delimiter)
    width, balance = 0, _MORE_BLANK_LINES
    try:
        for row in reader:
            balance += 1
            if len(row) != width or width <= 1:
                if len(row) <= 1 and not "".join(lines.row).strip(SPACES + "\r\n"):
                    lines.next_row()
                    balance -= 2
                    if balance < 0:
                        raise BadData(f"{quoted(name)} has more blank lines than rows; is this a table?")
                    continue
                if width and len(row) != width:
                    raise BadData(
                        f"{quoted(name)} line {reader.line_num} has {len(row)} cells, lines before {width}; "
                        "mend the line (cells with what separates them need double quotes), or say --delimiter"
                    )
                width = len(row)
                if width > MAX_COLUMNS:
                    raise BadData(
                        f"{quoted(name)} has {width} columns; at most {MAX_COLUMNS} are read (save x as .npz)"
                    )
            cells = _marked(row, lines.row, pattern)
            lines.next_row()
            yield cells
    except csv.Error as error:
        raise BadData(f"{quoted(name)} line {reader.line_num}: {error}; mend the line") from error


def _read_cells(source: str, limit: int | None, delimiter: str | None) -> list[Cells]:
    """Columns of the table's first ``limit`` + 1 rows, header line included; cells as _rows gives them."""
    separator = delimiter_of(source, delimiter)
    numbering: list[Codes] = []
    parts: list[list[np.ndarray]] = []
    rows: list[list[str]] = []
    n = waiting = kept = 0  # waiting: cells of the rows that do

    def add() -> None:
        if not numbering:
            numbering.extend(Codes() for _ in rows[0])
            parts.extend([] for _ in rows[0])
        for codes, part, cells in zip(numbering, parts, zip(*rows, strict=True), strict=True):
            part.append(np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)))
        rows.clear()

    def words_bytes() -> int:
        held = sum(_WORD * len(codes) + codes.text for codes in numbering)  # integers
        at_work = (_WORD_AT_WORK * len(codes) + _TEXT_AT_WORK * codes.text for codes in numbering)
        return held + max(at_work, default=0)

    with open_bounded(Path(source)) as stream:
        lines, name, before = _Lines(stream, source, separator), quoted(source), 0
        for row in _rows(lines, source):
            rows.append(row)
            n += 1
            waiting += len(row)
            text = lines.bytes - before
            lines.held = kept + _CELL_READ * waiting + _WIDEST * text
            if n % _ROWS_UNCOUNTED == 0:
                check_reading(lines.held, name)
            if len(rows) == _ROWS_AT_ONCE or waiting > _CELLS_AT_ONCE or text > _BYTES_AT_ONCE:
                add()
                waiting, before = 0, lines.bytes
                arrays = _ARRAY * sum(map(len, parts))  # integers
                kept = _CELL_KEPT * n * len(numbering) + arrays + words_bytes()
            if limit is not None and n > limit:
                break
    if rows:
        add()
    check_reading(_CELL_KEPT * n * len(numbering) + words_bytes(), quoted(source))
    if not n:
        raise BadData(f"{quoted(source)} has no rows; give a table with at least one example")
    columns = []
    for codes, part in zip(numbering, parts, strict=True):
        whole = np.concatenate(part)
        columns.append(Cells(list(codes), whole, int(whole[0])))
    return columns


def _seen(column: Cells) -> Seen:
    counts = np.bincount(column.codes[1:], minlength=len(column.words))  # integers
    below = [word for word, count in zip(column.words, counts.tolist(), strict=True) if count]
    alone = (counts == 1).any() and (counts[column.first] != 1 or np.count_nonzero(counts == 1) > 1)
    return Seen(column.words[column.first], below, bool(counts[column.first]), bool(alone))


def _content(source: str, columns: list[Cells], header: bool, limit: int | None, choices: int = 1) -> Content:
    """``choices``: so many contents of the same table are held."""
    if not columns:
        raise BadData(
            f"{quoted(source)} has no columns beside the labels; say what separates "
            "its columns with --delimiter"
        )
    n = columns[0].codes.shape[0] - header
    if n < 1:
        raise BadData(f"{quoted(source)} has a header line but no rows; give at least one example")
    data = [column.as_data(header, limit) for column in columns]
    return content_of_columns(data, choices)


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Input columns, and the labels of the target column. The content's notes say how the first line was taken."""
    raw = _read_cells(source, limit, asked.delimiter)
    columns = list(map(stripped, raw))
    seen = list(map(_seen, columns))
    names = [word.words[word.first] for word in map(as_labels, raw)]

    def judged(index: int) -> tuple[bool, bool]:
        header = asked.header
        if header is None:
            header = is_header(seen[:index] + seen[index + 1 :], seen)
        return header, asked.header is None and (header or may_be_header(seen, seen[index]))

    by_name = [at for at, column in enumerate(seen) if column.first == asked.target]
    guess = by_name[0] if len(by_name) == 1 else target_column(source, asked, names, False, False)[0]
    index, named = target_column(source, asked, names, *judged(guess))
    header, doubtful = judged(index)
    header = header or named
    notes: tuple[str, ...] = (said(source, names, header),) if doubtful and not named else ()
    if named and asked.target is not None:
        notes = said_of_target(source, asked.target, index, len(names))
    content = _content(source, columns[:index] + columns[index + 1 :], header, limit)
    cells = as_labels(raw[index]).as_data(header, limit)
    column = LabelColumn(index, names[index] if header else None)
    return replace(content, notes=notes), words_as(choice, cells.words, cells.codes, column)


def candidates(
    source: str, *, limit: int | None, ignore: int | None, header: bool | None, delimiter: str | None = None
) -> list[Content]:
    """The table without column ``ignore``, if it has that and another one; then with all its columns."""
    columns = list(map(stripped, _read_cells(source, limit, delimiter)))
    choices = [columns]
    if ignore is not None and 0 <= ignore < len(columns) and len(columns) > 1:
        choices.insert(0, columns[:ignore] + columns[ignore + 1 :])
    contents = []
    for inputs in choices:
        named = header
        notes: tuple[str, ...] = ()
        if named is None:
            seen = list(map(_seen, inputs))
            named = is_header(seen, seen)
            if named or may_be_header(seen, None):
                first = [column.first for column in seen]
                notes = (said(source, first, named),)
        contents.append(replace(_content(source, inputs, named, limit, len(choices)), notes=notes))
    return contents
