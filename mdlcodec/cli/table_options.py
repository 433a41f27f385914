"""Options that say what is what in a table: its label column, and its header line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypedDict

import click


class TableArguments(TypedDict):
    """What `mdlcodec.data.read` takes of them."""

    target: str | None
    target_index: int | None
    header: bool | None
    delimiter: str | None


delimiter_option = click.option(
    "--delimiter",
    metavar="CHAR",
    help="What separates a table's cells: tab, ; or another character. [default: tab, semicolon or comma, "
    "whichever the first line has most of]",
)


def table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --target, --target-index, --header and --delimiter, as one argument ``table``."""

    @functools.wraps(command)
    def with_table(
        *args: Any,
        target: str | None,
        target_index: int | None,
        header: str | None,
        delimiter: str | None,
        **rest: Any,
    ) -> None:
        said = None if header is None else header == "yes"
        table = TableArguments(target=target, target_index=target_index, header=said, delimiter=delimiter)
        command(*args, table=table, **rest)

    for option in (
        delimiter_option,
        click.option(
            "--header",
            type=click.Choice(["yes", "no"]),
            help="Whether a table's first line names its columns. [default: a rule decides and says so]",
        ),
        click.option(
            "--target-index",
            type=int,
            metavar="N",
            help="The labels' column in a table by its index alone, from 0 (last: -1).",
        ),
        click.option(
            "--target",
            metavar="COLUMN",
            help="The labels' column in a table: its name, else its index (last: -1).",
        ),
    ):
        with_table = option(with_table)
    return with_table
