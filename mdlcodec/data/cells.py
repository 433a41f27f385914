"""A table's column as its cells came: distinct words and a number for each row (formats/data.md, Tables)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.dataset import Content
from mdlcodec.data.features import Column, NumberColumn, TextColumn, column_features, number_offsets
from mdlcodec.data.numbers import is_missing, parse

SPACES = " \t"
KEPT = "\0"  # stands before cells whose spaces were in quotes; tables have no such character
_HASHED_AT_ONCE = 512


class Codes(dict[str, int]):
    """Numbers cells in the order of their first appearance; ``text``: bytes of all their texts."""

    text = 0

    def __missing__(self, cell: str) -> int:
        code = self[cell] = len(self)
        self.text += sys.getsizeof(cell)
        return code


@dataclass(frozen=True)
class Cells:
    """One column: ``codes`` int32 (rows,) into distinct ``words``; ``first``: the first row's."""

    words: list[str]
    codes: np.ndarray
    first: int

    def as_data(self, header: bool, limit: int | None) -> Cells:
        """Without the first row if that is a header, and the first ``limit`` of what is left."""
        codes = self.codes[1 if header else 0 :][:limit]
        used = np.bincount(codes, minlength=len(self.words)) > 0  # integers
        place = np.cumsum(used, dtype=np.int32) - np.int32(1)  # integers
        return Cells([word for word, kept in zip(self.words, used, strict=True) if kept], place[codes], 0)

    def digest(self) -> bytes:
        """SHA-256 of the cells in order, each as length in bytes (4, little-endian) and UTF-8."""
        raw = [word.encode() for word in self.words]
        framed = [len(word).to_bytes(4, "little") + word for word in raw]
        digest = hashlib.sha256()
        for start in range(0, self.codes.shape[0], _HASHED_AT_ONCE):
            digest.update(
                b"".join([framed[code] for code in self.codes[start : start + _HASHED_AT_ONCE].tolist()])
            )
        return digest.digest()

    def column(self) -> Column:
        """As numbers where every cell that is not missing is one, else as text."""
        number_of = self.numbers()
        return self.text() if number_of is None else self.numbered(number_of)

    def text(self) -> TextColumn:
        """As words."""
        order = sorted(range(len(self.words)), key=self.words.__getitem__)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order))
        return TextColumn(place[self.codes], [self.words[word] for word in order])

    def numbers(self) -> dict[str, int] | dict[str, float] | None:
        """The number that each word stands for which is not missing; None where one stands for none, or all are
        missing."""
        known = [word for word in self.words if not is_missing(word)]
        numbers = parse(known) if known else None
        return None if numbers is None else dict(zip(known, numbers, strict=True))

    def numbered(self, number_of: Mapping[str, int | float]) -> NumberColumn:
        """As these numbers; words without one are missing."""
        distinct = sorted(set(number_of.values()))
        code_of = {number: code for code, number in enumerate(distinct)}
        codes = [code_of[number_of[word]] if word in number_of else -1 for word in self.words]
        return NumberColumn(np.array(codes, np.int32)[self.codes], _offsets(distinct))

    def joined(self, others: Cells) -> Cells:
        """These rows, then the others'."""
        kept = Codes()
        parts = [np.array([kept[w] for w in cells.words], np.int32)[cells.codes] for cells in (self, others)]
        return Cells(list(kept), np.concatenate(parts), int(parts[0][0]))


def _offsets(distinct: list[int] | list[float]) -> np.ndarray:
    integers = [number for number in distinct if isinstance(number, int)]
    return number_offsets(integers or np.array(distinct, np.float64))


def _renamed(words: Iterable[str], cells: Cells) -> Cells:
    """The column with other words in place of its own; equal ones become one."""
    kept = Codes()
    place = np.array([kept[word] for word in words], np.int32)
    return Cells(list(kept), place[cells.codes], int(place[cells.first]))


def stripped(cells: Cells) -> Cells:
    """As inputs are read: without spaces and tabs at the ends, in quotes or not."""
    return _renamed((word.removeprefix(KEPT).strip(SPACES) for word in cells.words), cells)


def as_labels(cells: Cells) -> Cells:
    """As labels are read: spaces and tabs in quotes are kept."""
    words = (word[1:] if word.startswith(KEPT) else word.strip(SPACES) for word in cells.words)
    return _renamed(words, cells)


def cells_of_values(values: Iterable[object], codes: np.ndarray) -> Cells:
    """A column of values that a table would hold as text: ``codes`` int (n,) into them, -1 where one is missing."""
    words = ["" if value is None or value != value else str(value) for value in values]
    return stripped(Cells([*words, ""], np.where(codes < 0, len(words), codes).astype(np.int32), 0)).as_data(
        False, None
    )


def content_of_columns(columns: Sequence[Cells], choices: int = 1) -> Content:
    """Examples whose input columns these are, without a header line; ``choices``: so many contents of the same
    table are held."""
    n = columns[0].codes.shape[0]
    digest = hashlib.sha256(f"mdlcodec table\n{n},{len(columns)}\n".encode())
    for column in columns:
        digest.update(column.digest())
    held = sum(column.codes.nbytes + sum(map(sys.getsizeof, column.words)) for column in columns)  # integers
    held *= choices

    def features() -> np.ndarray:
        return column_features([column.column() for column in columns], n, held)

    return Content(n, digest.digest(), features, raw=tuple(columns))
