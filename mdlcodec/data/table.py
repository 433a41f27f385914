"""Tables of comma-separated values: cells, header line, target column, digest (formats/data.md, Tables)."""

from __future__ import annotations

import csv
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mdlcodec.data.bounded import open_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Asked, Choice, Content, LabelColumn, quoted
from mdlcodec.data.features import Column, NumberColumn, TextColumn, column_features, number_offsets
from mdlcodec.data.header_line import (
    Seen,
    is_header,
    may_be_header,
    said,
    said_of_target,
    target_column,
)
from mdlcodec.data.label_choice import words_as
from mdlcodec.data.numbers import is_missing, parse
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

MAX_ROW_BYTES = 2**24  # line ends in quotes included
MAX_COLUMNS = 65_536
_NAME = re.compile(r".*\.(csv|data|txt)([-_][^.]*)?(\.gz|\.xz)?")
_ROWS_AT_ONCE = 512  # so few that their cells stay in the processor's cache
_CELLS_AT_ONCE, _BYTES_AT_ONCE = 1 << 18, 1 << 22
# bytes at most: of a cell that was read, of one that is kept, of a distinct one besides its text, of an array
_CELL_READ, _CELL_KEPT, _WORD, _ARRAY = 64, 24, 120, 128
_WORD_AT_WORK, _TEXT_AT_WORK = 130, 3  # besides, of the words of a column that is made, and of their text
_WIDEST = 4  # bytes of a letter, of which there is one for each byte that was read
_LONG_ROW = 1 << 16
_ROWS_UNCOUNTED = 8  # between two looks at the memory; long rows are looked at on their own
_SPACES = " \t"
_KEPT = "\0"  # stands before cells whose spaces were in quotes; tables have no such character
_SPACES_IN_QUOTES = re.compile(r'"[ \t]|[ \t]"')
_CELL = re.compile(r' *("(?:[^"]|"")*"|[^,]*)(?:,|\r?\n?\Z)')
_MORE_BLANK_LINES = 65_536  # than rows


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return _NAME.fullmatch(Path(source).name) is not None


class _Lines:
    """Lines of a UTF-8 file as text, for the csv module; ``row`` are those since ``next_row``."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name, self._number = stream, name, 0
        self.row: list[str] = []
        self._row_bytes = self._row_commas = 0
        self.bytes = self.held = 0  # that were read; that the rows before take

    def next_row(self) -> None:
        """The lines of a row were read."""
        self.row.clear()
        self._row_bytes = self._row_commas = 0

    def __iter__(self) -> Iterator[str]:
        while raw := self._line():
            self._number += 1
            self.bytes += len(raw)
            self._row_bytes += len(raw)
            if self._row_bytes > MAX_ROW_BYTES:
                raise self._error(f"belongs to a row of more than {MAX_ROW_BYTES} bytes; is this a table?")
            if self._row_bytes > _LONG_ROW:
                self._row_commas += raw.count(b",")
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
        """Raise LimitExceeded where a row of so many bytes, and of the commas seen, takes too much memory."""
        needed = 2 * _WIDEST * size + _CELL_READ * self._row_commas
        check_reading(self.held + needed, quoted(self._name))

    def _error(self, what: str) -> BadData:
        return BadData(f"{quoted(self._name)} line {self._number} {what}")


class _Codes(dict[str, int]):
    """Numbers cells in the order of their first appearance; ``text``: bytes of all their texts."""

    text = 0

    def __missing__(self, cell: str) -> int:
        code = self[cell] = len(self)
        self.text += sys.getsizeof(cell)
        return code


def _marked(row: list[str], lines: list[str]) -> list[str]:
    """The cells, with _KEPT before those in quotes, where one has spaces or tabs at its ends."""
    text = "".join(lines)
    if _SPACES_IN_QUOTES.search(text) is None:
        return row
    cells, at = [], 0
    for cell in row:
        match = _CELL.match(text, at)
        assert match is not None  # the csv module read the same cell
        at = match.end()
        cells.append(_KEPT + cell if match[1].startswith('"') and cell.strip(_SPACES) != cell else cell)
    return cells


def _rows(lines: _Lines, name: str) -> Iterator[list[str]]:
    """Rows of cells, all of one number; blank lines are left out. Quoted cells: see _marked."""
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    width, balance = 0, _MORE_BLANK_LINES
    try:
        for row in reader:
            balance += 1
            if len(row) != width or width <= 1:
                if len(row) <= 1 and not "".join(lines.row).strip(_SPACES + "\r\n"):
                    lines.next_row()
                    balance -= 2
                    if balance < 0:
                        raise BadData(f"{quoted(name)} has more blank lines than rows; is this a table?")
                    continue
                if width and len(row) != width:
                    raise BadData(
                        f"{quoted(name)} line {reader.line_num} has {len(row)} cells, lines before {width}; "
                        "mend the line (cells with commas need double quotes)"
                    )
                width = len(row)
                if width > MAX_COLUMNS:
                    raise BadData(
                        f"{quoted(name)} has {width} columns; at most {MAX_COLUMNS} are read (save x as .npz)"
                    )
            cells = _marked(row, lines.row)
            lines.next_row()
            yield cells
    except csv.Error as error:
        raise BadData(f"{quoted(name)} line {reader.line_num}: {error}; mend the line") from error


@dataclass(frozen=True)
class _Cells:
    """One column: ``codes`` int32 (rows,) into distinct ``words``; ``first``: the first row's."""

    words: list[str]
    codes: np.ndarray
    first: int

    def as_data(self, header: bool, limit: int | None) -> _Cells:
        """Without the first row if that is a header, and the first ``limit`` of what is left."""
        codes = self.codes[1 if header else 0 :][:limit]
        used = np.bincount(codes, minlength=len(self.words)) > 0  # integers
        place = np.cumsum(used, dtype=np.int32) - np.int32(1)  # integers
        return _Cells([word for word, kept in zip(self.words, used, strict=True) if kept], place[codes], 0)

    def digest(self) -> bytes:
        """SHA-256 of the cells in order, each as length in bytes (4, little-endian) and UTF-8."""
        raw = [word.encode() for word in self.words]
        framed = [len(word).to_bytes(4, "little") + word for word in raw]
        digest = hashlib.sha256()
        for start in range(0, self.codes.shape[0], _ROWS_AT_ONCE):
            digest.update(
                b"".join([framed[code] for code in self.codes[start : start + _ROWS_AT_ONCE].tolist()])
            )
        return digest.digest()

    def column(self) -> Column:
        """As numbers where every cell that is not missing is one, else as text."""
        known = [word for word in self.words if not is_missing(word)]
        numbers = parse(known) if known else None
        if numbers is None:
            order = sorted(range(len(self.words)), key=self.words.__getitem__)
            place = np.empty(len(order), np.int32)
            place[order] = np.arange(len(order))
            return TextColumn(place[self.codes], [self.words[word] for word in order])
        number_of = dict(zip(known, numbers, strict=True))
        distinct = sorted(set(numbers))
        code_of = {number: code for code, number in enumerate(distinct)}
        codes = [code_of[number_of[word]] if word in number_of else -1 for word in self.words]
        exact = _offsets(distinct)
        return NumberColumn(np.array(codes, np.int32)[self.codes], exact)


def _offsets(distinct: list[int] | list[float]) -> np.ndarray:
    integers = [number for number in distinct if isinstance(number, int)]
    return number_offsets(integers or np.array(distinct, np.float64))


def _renamed(words: Iterable[str], cells: _Cells) -> _Cells:
    """The column with other words in place of its own; equal ones become one."""
    kept = _Codes()
    place = np.array([kept[word] for word in words], np.int32)
    return _Cells(list(kept), place[cells.codes], int(place[cells.first]))


def _stripped(cells: _Cells) -> _Cells:
    """As inputs are read: without spaces and tabs at the ends, in quotes or not."""
    return _renamed((word.removeprefix(_KEPT).strip(_SPACES) for word in cells.words), cells)


def _as_labels(cells: _Cells) -> _Cells:
    """As labels are read: spaces and tabs in quotes are kept."""
    words = (word[1:] if word.startswith(_KEPT) else word.strip(_SPACES) for word in cells.words)
    return _renamed(words, cells)


def _read_cells(source: str, limit: int | None) -> list[_Cells]:
    """Columns of the table's first ``limit`` + 1 rows, header line included; cells as _rows gives them."""
    numbering: list[_Codes] = []
    parts: list[list[np.ndarray]] = []
    rows: list[list[str]] = []
    n = waiting = kept = 0  # waiting: cells of the rows that do

    def add() -> None:
        if not numbering:
            numbering.extend(_Codes() for _ in rows[0])
            parts.extend([] for _ in rows[0])
        for codes, part, cells in zip(numbering, parts, zip(*rows, strict=True), strict=True):
            part.append(np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)))
        rows.clear()

    def words_bytes() -> int:
        held = sum(_WORD * len(codes) + codes.text for codes in numbering)  # integers
        at_work = (_WORD_AT_WORK * len(codes) + _TEXT_AT_WORK * codes.text for codes in numbering)
        return held + max(at_work, default=0)

    with open_bounded(Path(source)) as stream:
        lines, name, before = _Lines(stream, source), quoted(source), 0
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
        columns.append(_Cells(list(codes), whole, int(whole[0])))
    return columns


def _seen(column: _Cells) -> Seen:
    counts = np.bincount(column.codes[1:], minlength=len(column.words))  # integers
    below = [word for word, count in zip(column.words, counts.tolist(), strict=True) if count]
    alone = (counts == 1).any() and (counts[column.first] != 1 or np.count_nonzero(counts == 1) > 1)
    return Seen(column.words[column.first], below, bool(counts[column.first]), bool(alone))


def _content(
    source: str, columns: list[_Cells], header: bool, limit: int | None, choices: int = 1
) -> Content:
    """``choices``: so many contents of the same table are held."""
    if not columns:
        raise BadData(
            f"{quoted(source)} has no columns beside the labels; a table needs commas between its columns"
        )
    n = columns[0].codes.shape[0] - header
    if n < 1:
        raise BadData(f"{quoted(source)} has a header line but no rows; give at least one example")
    data = [column.as_data(header, limit) for column in columns]
    n = data[0].codes.shape[0]
    digest = hashlib.sha256(f"mdlcodec table\n{n},{len(data)}\n".encode())
    for column in data:
        digest.update(column.digest())
    held = sum(column.codes.nbytes + sum(map(sys.getsizeof, column.words)) for column in data)  # integers
    held *= choices

    def features() -> np.ndarray:
        return column_features([column.column() for column in data], n, held)

    return Content(n, digest.digest(), features)


def read(
    source: str, *, asked: Asked, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Input columns, and the labels of the target column. The content's notes say how the first line was taken."""
    raw = _read_cells(source, limit)
    columns = list(map(_stripped, raw))
    seen = list(map(_seen, columns))
    names = [word.words[word.first] for word in map(_as_labels, raw)]

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
    cells = _as_labels(raw[index]).as_data(header, limit)
    column = LabelColumn(index, names[index] if header else None)
    return replace(content, notes=notes), words_as(choice, cells.words, cells.codes, column)


def candidates(source: str, *, limit: int | None, ignore: int | None, header: bool | None) -> list[Content]:
    """The table without column ``ignore``, if it has that and another one; then with all its columns."""
    columns = list(map(_stripped, _read_cells(source, limit)))
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
