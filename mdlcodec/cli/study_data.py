"""What the commands of studies read and write: arrays, a folder with a page."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.options import Common
from mdlcodec.cli.table_options import TableArguments
from mdlcodec.cli.terminal import say, say_notes
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def arrays_of(
    source: str,
    test: str | None,
    tables: TableArguments,
    limit: int | None,
    quiet: bool,
) -> list[Any]:
    """x, y, and those to test on, None where there are none. Tables' columns are their features. Raises BadData."""
    from mdlcodec import data
    from mdlcodec.report.accuracy import beside, read_examples

    dataset = data.read(source, limit=limit, keep=True, **tables)
    say_notes(dataset.notes, quiet)
    labels = dataset.class_labels.array()
    assert dataset.content is not None
    is_array = not isinstance(dataset.content.raw, tuple)
    x: Any = dataset.content.raw if is_array else dataset.inputs.features
    test = beside(source) if test is None else test
    if test is None:
        return [x, labels, None, None]
    examples = read_examples(test, tables["target"], dataset)
    assert examples.dataset.content is not None
    others = examples.dataset.content.raw if is_array else examples.features
    return [x, labels, others, examples.dataset.class_labels.array()]


Pictures = Sequence[tuple[str, "Figure", str]]
"""Their names, themselves, and their captions."""


def finished(
    folder: Path,
    title: str,
    facts: dict[str, Any],
    draw: Callable[[], Pictures],
    common: Common,
    notes: Sequence[str] = (),
) -> None:
    """Write the study's JSON, its pictures and its page, and say so. ``facts`` has its rows as ``points``;
    ``notes``: sentences for the page."""
    from mdlcodec.errors import MdlcodecError
    from mdlcodec.report.plot import png, require_matplotlib
    from mdlcodec.studies.folder import StudyFolder

    kept = StudyFolder(folder)
    kept.write(f"{facts['study']}.json", strict_json(facts, indent=1).encode() + b"\n")
    drawn = True
    try:
        require_matplotlib()
    except MdlcodecError:
        drawn = False
    if drawn:
        from mdlcodec.report.page import page

        pictures = draw()
        for name, figure, _ in pictures:
            kept.write(f"{name}.png", png(figure))
        command = shlex.join(["mdlcodec", *sys.argv[1:]])
        shown = [(figure, caption) for _, figure, caption in pictures]
        kept.write("index.html", page(title, command, shown, facts["points"], notes))
    if not common.quiet:
        say(f"{folder}: done{'' if drawn else '; no pictures without mdlcodec[plot]'}")
    if common.json:
        click.echo(strict_json({"folder": str(folder)} | facts))
