"""What reaches the terminal: escaped text, aligned tables, sizes and times for people."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click

from mdlcodec.errors import BadData


def printable(text: object) -> str:
    """Text on one line, without characters that a terminal would act on: those are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in str(text)
    )


def say(text: str) -> None:
    """One line for people, on stderr."""
    show(printable(text) + "\n")


def say_notes(notes: Iterable[str], quiet: bool) -> None:
    """Lines on what was decided in reading the data, unless quiet."""
    for note in () if quiet else notes:
        say(f"mdlcodec: note: {note}")


def show(text: str) -> None:
    """Text on stderr, as far as that can be written to: work does not fail because nobody hears of it."""
    if sys.stderr is None:
        return
    try:
        click.echo(text, nl=False, err=True)
    except OSError:
        sys.stderr = None  # type: ignore[assignment]  # as if closed, so that Python's exit does not fail either


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Within this, a warning is one line for people."""

    def show_warning(message: Warning | str, *where: object) -> None:
        say(f"mdlcodec: warning: {str(message).strip().partition(chr(10))[0]}")

    with warnings.catch_warnings():
        warnings.showwarning = show_warning  # type: ignore[assignment]
        yield


def any_text_on_stdout() -> None:
    """From now on stdout escapes letters that its encoding lacks, as stderr does; payload is bytes anyway."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def require_stdout(otherwise: str) -> None:
    """Raise BadData when stdout is closed, which click would not mind; ``otherwise``: what to do instead."""
    if sys.stdout is None:
        raise BadData(f"stdout is closed; {otherwise}")


def duration(seconds: float) -> str:
    """A time in seconds as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def table(rows: list[list[str]]) -> list[str]:
    """Lines of a table whose first row is its head: columns of numbers to the right, of text to the left."""
    rows = [[printable(cell) for cell in row] for row in rows]
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(cell[:1].isdigit() for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]
