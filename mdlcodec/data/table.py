"""Tables of comma-separated values: cells, header line, target column, digest (formats/data.md, Tables)."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mdlcodec.data.bounded import open_bounded
from mdlcodec.data.dataset import AS_CLASSES, AnyLabels, Choice, Content, LabelColumn, quoted
from mdlcodec.data.features import Column, NumberColumn, TextColumn, column_features, number_offsets
from mdlcodec.data.label_choice import words_as
from mdlcodec.data.numbers import is_missing, is_number, parse
from mdlcodec.errors import BadData

MAX_ROW_BYTES = 2**24  # line ends in quotes included
MAX_COLUMNS = 65_536
_NAME = re.compile(r".*\.(csv|data|txt)([-_][^.]*)?(\.gz|\.xz)?")
_ROWS_AT_ONCE = 512  # so few that their cells stay in the processor's cache
_SPACES = " \t"


def accepts(source: str) -> bool:
    """Whether this reader is meant."""
    return _NAME.fullmatch(Path(source).name) is not None


class _Lines:
    """Lines of a UTF-8 file as text, for the csv module; ``last`` is the latest.

    ``row_bytes`` counts the bytes of the lines since it was last set to 0.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name, self._number = stream, name, 0
        self.last = ""
        self.row_bytes = 0

    def __iter__(self) -> Iterator[str]:
        while raw := self._stream.readline(MAX_ROW_BYTES + 1):
            self._number += 1
            self.row_bytes += len(raw)
            if self.row_bytes > MAX_ROW_BYTES:
                raise self._error(f"belongs to a row of more than {MAX_ROW_BYTES} bytes; is this a table?")
            if b"\0" in raw:
                raise self._error("has a NUL byte; save the table as UTF-8 text")
            try:
                self.last = raw.decode("utf-8-sig" if self._number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._error("is not UTF-8; save the table as UTF-8 text") from error
            yield self.last

    def _error(self, what: str) -> BadData:
        return BadData(f"{quoted(self._name)} line {self._number} {what}")


class _Codes(dict[str, int]):
    """Numbers cells in the order of their first appearance."""

    def __missing__(self, cell: str) -> int:
        code = self[cell] = len(self)
        return code


def _rows(stream: BinaryIO, name: str) -> Iterator[list[str]]:
    """Rows of cells, all of one number; blank lines are left out."""
    lines = _Lines(stream, name)
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    width = 0
    try:
        for row in reader:
            lines.row_bytes = 0
            if len(row) != width or width <= 1:
                if len(row) <= 1 and not lines.last.strip(_SPACES + "\r\n"):
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
            yield row
    except csv.Error as error:
        raise BadData(f"{quoted(name)} line {reader.line_num}: {error}; mend the line") from error


@dataclass(frozen=True)
class _Cells:
    """One column: ``codes`` int32 (rows,) into distinct stripped ``words``; ``first``: the first row's."""

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


def _strip(words: list[str], codes: np.ndarray) -> _Cells:
    kept = _Codes()
    place = np.array([kept[word.strip(_SPACES)] for word in words], np.int32)
    return _Cells(list(kept), place[codes], int(place[codes[0]]))


def _read_cells(source: str, limit: int | None) -> list[_Cells]:
    """Columns of the table's first ``limit`` + 1 rows, header line included."""
    numbering: list[_Codes] = []
    parts: list[list[np.ndarray]] = []
    rows: list[list[str]] = []
    n = 0

    def add() -> None:
        if not numbering:
            numbering.extend(_Codes() for _ in rows[0])
            parts.extend([] for _ in rows[0])
        for codes, part, cells in zip(numbering, parts, zip(*rows, strict=True), strict=True):
            part.append(np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)))
        rows.clear()

    with open_bounded(Path(source)) as stream:
        for row in _rows(stream, source):
            rows.append(row)
            n += 1
            if len(rows) == _ROWS_AT_ONCE:
                add()
            if limit is not None and n > limit:
                break
    if rows:
        add()
    if not n:
        raise BadData(f"{quoted(source)} has no rows; give a table with at least one example")
    return [_strip(list(codes), np.concatenate(part)) for codes, part in zip(numbering, parts, strict=True)]


def _has_header(columns: list[_Cells]) -> bool:
    """Whether the first row names the columns, told from input columns alone.

    It does when none of its cells is a number, and one of them is text while all cells below it are
    numbers or missing, with a number among them.
    """
    first = [column.words[column.first] for column in columns]
    if any(map(is_number, first)):
        return False
    for column, name in zip(columns, first, strict=True):
        below = np.unique(column.codes[1:])
        if not is_missing(name):
            cells = [column.words[word] for word in below]
            if all(is_number(cell) or is_missing(cell) for cell in cells) and any(map(is_number, cells)):
                return True
    return False


def _content(source: str, columns: list[_Cells], header: bool, limit: int | None) -> Content:
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
    return Content(n, digest.digest(), lambda: column_features([column.column() for column in data], n))


def _find_target(source: str, target: str | None, first: list[str]) -> tuple[int, bool]:
    """Index of the label column, and whether it was chosen by name (so that there is a header line)."""
    if target is None:
        return len(first) - 1, False
    if re.fullmatch(r"[+-]?[0-9]{1,9}", target):
        index = int(target)
        if not -len(first) <= index < len(first):
            raise BadData(
                f"--target {target}: {quoted(source)} has {len(first)} columns, 0 to {len(first) - 1}"
            )
        return index % len(first), False
    if first.count(target) == 1:
        return first.index(target), True
    if target in first:
        raise BadData(f"--target {quoted(target)} names several columns of {quoted(source)}; give its index")
    shown = ", ".join(map(quoted, first[:8])) + (", ..." if len(first) > 8 else "")
    raise BadData(
        f"--target {quoted(target)} is not in the first line of {quoted(source)} ({shown}); give an index"
    )


def read(
    source: str, *, target: str | None, limit: int | None, choice: Choice = AS_CLASSES
) -> tuple[Content, AnyLabels]:
    """Input columns, and the labels of the target column."""
    columns = _read_cells(source, limit)
    first = [column.words[column.first] for column in columns]
    index, named = _find_target(source, target, first)
    inputs = columns[:index] + columns[index + 1 :]
    header = named or _has_header(inputs)
    content = _content(source, inputs, header, limit)
    cells = columns[index].as_data(header, limit)
    return content, words_as(
        choice, cells.words, cells.codes, LabelColumn(index, first[index] if header else None)
    )


def candidates(source: str, *, limit: int | None, ignore: int | None, header: bool | None) -> list[Content]:
    """The table without column ``ignore``, if it has that and another one; then with all its columns."""
    columns = _read_cells(source, limit)
    choices = [columns]
    if ignore is not None and 0 <= ignore < len(columns) and len(columns) > 1:
        choices.insert(0, columns[:ignore] + columns[ignore + 1 :])
    contents = []
    for inputs in choices:
        named = _has_header(inputs) if header is None else header
        contents.append(_content(source, inputs, named, limit))
    return contents
