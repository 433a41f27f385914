"""Whether a table's first line names its columns, and which has the labels (formats/data.md, Header line)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mdlcodec.data.dataset import Asked, quoted
from mdlcodec.data.numbers import is_missing, is_number
from mdlcodec.errors import BadData

_INTEGER = re.compile(r"0|[1-9][0-9]{0,8}")
_INDEX = re.compile(r"[+-]?[0-9]{1,9}")
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_SURELY_NUMBERED = 4  # columns: examples seldom begin with 0, 1, 2, 3 in all of their cells
_SHOWN = 4


@dataclass(frozen=True)
class Seen:
    """One column: its first cell, the distinct cells below, and whether ``first`` stands among them.

    ``alone``: whether another cell below occurs only once.
    """

    first: str
    below: Sequence[str]
    repeated: bool
    alone: bool


def names_over_numbers(columns: Sequence[Seen]) -> bool:
    """Whether no first cell is a number, and one is text while all cells below it are numbers or missing, with a
    number among them."""
    return not any(is_number(column.first) for column in columns) and any(map(_over_numbers, columns))


def _over_numbers(column: Seen) -> bool:
    known = [cell for cell in column.below if not is_missing(cell)]
    return (
        not is_missing(column.first)
        and not is_number(column.first)
        and bool(known)
        and all(map(is_number, known))
    )


def _integer_apart(column: Seen) -> bool:
    """Whether the first cell is an integer, and of what is known below nothing is."""
    known = [cell for cell in column.below if not is_missing(cell)]
    if _INTEGER.fullmatch(column.first) is None or not known:
        return False
    return not any(re.fullmatch(r"[+-]?[0-9]+", cell) for cell in known)


def _is_year(cell: str) -> bool:
    return _INTEGER.fullmatch(cell) is not None and _FIRST_YEAR <= int(cell) <= _LAST_YEAR


def is_numbered(columns: Sequence[Seen]) -> bool:
    """Whether the first cells are 0, 1, 2, ..., perhaps after an empty one, as tables of pandas have them."""
    first = [column.first for column in columns]
    numbers = first[1:] if first and first[0] == "" else first
    return len(first) > 1 and numbers == [str(number) for number in range(len(numbers))]


def _years(columns: Sequence[Seen]) -> list[Seen]:
    """The columns under ascending years, where the other first cells are text; else none."""
    years = [column for column in columns if is_number(column.first)]
    if not all(_is_year(column.first) for column in years):
        return []
    if any(is_missing(column.first) for column in columns[1:]):
        return []
    in_order = [int(column.first) for column in years]
    ascending = all(a < b for a, b in pairwise(in_order))
    return years if ascending else []


def is_header(inputs: Sequence[Seen], columns: Sequence[Seen]) -> bool:
    """The rule, of formats/data.md; ``columns`` are the inputs and the labels, in order."""
    if names_over_numbers(inputs):
        return True
    if is_numbered(columns):
        return len(columns) >= _SURELY_NUMBERED or any(map(_integer_apart, columns))
    years = _years(columns)
    return len(years) >= 2 and not any(_is_year(cell) for column in years for cell in column.below)


def may_be_header(columns: Sequence[Seen], labels: Seen | None) -> bool:
    """Whether the first line could be a header line though the rule does not say so: it has no numbers but
    integers, no cell twice, and does not look like the lines below."""
    first = [column.first for column in columns]
    if any(is_number(cell) and _INTEGER.fullmatch(cell) is None for cell in first):
        return False
    if len(set(first)) < len(first) or any(map(is_missing, first[1:])) or not columns[0].below:
        return False
    if is_numbered(columns) or _years(columns):
        return True
    if any(_over_numbers(column) or _integer_apart(column) for column in columns):
        return True
    return labels is not None and not labels.repeated and not labels.alone and not is_number(labels.first)


def said(source: str, first: Sequence[str], header: bool) -> str:
    """One line for people about how the first line was taken where that was not settled."""
    shown = ", ".join(map(quoted, first[:_SHOWN])) + (", ..." if len(first) > _SHOWN else "")
    if header:
        return f"{source}: the first line ({shown}) is read as a header; if it is an example, say --header no"
    return (
        f"{source}: the first line ({shown}) is read as an example; if it is a header, say --header yes "
        "(--header no to be sure)"
    )


def said_of_target(source: str, target: str, index: int, columns: int) -> tuple[str, ...]:
    """A line for people where a target that could be an index is a column's name."""
    if not _INDEX.fullmatch(target):
        return ()
    note = (
        f"{source}: --target {target} is taken as the name of column {index}, and the first line as a header"
    )
    if -columns <= int(target) < columns:
        note += f"; --target-index {target} takes column {target}"
    return (f"{note}; --header no if it is an example",)


def target_column(
    source: str, asked: Asked, first: Sequence[str], header: bool, may_be: bool
) -> tuple[int, bool]:
    """Index of the label column, and whether it was chosen by its name in the first line.

    ``header``: whether that is a header line by the rule or by the user; ``may_be``: or could be one. There a name
    wins over an index. Raises BadData.
    """
    target = asked.target
    if target is not None and asked.index is not None:
        raise BadData("--target and --target-index both choose the labels' column; give one of them")
    if asked.index is not None:
        return _indexed(source, "--target-index", asked.index, first), False
    if target is None:
        return len(first) - 1, False
    index = int(target) if _INDEX.fullmatch(target) else None
    names = [at for at, name in enumerate(first) if name == target]
    names = names or [at for at, name in enumerate(first) if name.strip(" \t") == target]
    if asked.header is False:
        names = []
    if len(names) == 1 and (header or may_be or index is None):
        return names[0], True
    if index is not None:
        return _indexed(source, "--target", index, first), False
    if names:
        raise BadData(
            f"--target {quoted(target)} names several columns of {quoted(source)}; give --target-index"
        )
    if asked.header is False:
        raise BadData(
            f"--target {quoted(target)} is a name, and --header no says there are none; give --target-index"
        )
    shown = ", ".join(map(quoted, first[:8])) + (", ..." if len(first) > 8 else "")
    raise BadData(
        f"--target {quoted(target)} is not in the first line of {quoted(source)} ({shown}); give an index"
    )


def _indexed(source: str, option: str, index: int, first: Sequence[str]) -> int:
    if not -len(first) <= index < len(first):
        raise BadData(f"{option} {index}: {quoted(source)} has {len(first)} columns, 0 to {len(first) - 1}")
    return index % len(first)
