"""``mdlcodec study samples``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import stem
from mdlcodec.cli.options import Common, common_options, preset_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.study_data import Pictures, arrays_of, finished
from mdlcodec.cli.study_options import (
    Sizes,
    jobs_option,
    named_strengths,
    net_option,
    output_option,
    sigma_option,
    strengths_option,
    student_option,
    teacher_option,
    telling,
    test_option,
)
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import require_stdout, say, table

if TYPE_CHECKING:
    from mdlcodec.report.samples_table import SamplesTable

_TEACHER = "teacher"
_SIZES_OF_TEACHER = (30, 100, 300, 1000, 3000)
_OF_TEACHER = {"sizes": "--teacher", "student": "--student", "sigma": "--sigma"}
_OF_DATA = {"net": "--net", "test": "--test", "limit": "--limit", "target": "--target"}


@click.command("samples")
@click.argument("data")
@click.option(
    "--n",
    type=Sizes(),
    metavar="N,..",
    help="Numbers of examples, or FROM:TO:COUNT. [default: five up to half of DATA, and 30 to 3,000 of a teacher]",
)
@net_option
@click.option(
    "--sparsify",
    default="drr",
    metavar="NAME,..",
    show_default=True,
    help="Methods that regularise: see encode. Of all their files the shortest counts.",
)
@strengths_option
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=3,
    metavar="K",
    show_default=True,
    help="Draws of the examples, or teachers.",
)
@teacher_option
@student_option
@sigma_option
@test_option
@click.option("--limit", type=int, metavar="N", help="Draw from the first N examples only.")
@jobs_option
@output_option("samples")
@preset_option
@table_options
@common_options
def command(
    data: str,
    n: tuple[int, ...] | None,
    net: str,
    sparsify: str,
    strengths: tuple[tuple[str, tuple[float, ...]], ...],
    seeds: int,
    sizes: tuple[int, ...],
    student: tuple[int, ...],
    sigma: float,
    test: str | None,
    limit: int | None,
    jobs: int | None,
    output: str | None,
    preset: int | None,
    table: TableArguments,
    common: Common,
) -> None:
    """Sample efficiency: test loss and codelength against the number of examples, regularised and not.

    DATA, or the word teacher for numbers that random networks draw. For each number of examples and each seed: a
    file of the two-part code by a method that regularises, the shortest over its strengths; one of a network that
    is trained to the end without any penalty, unpruned, with 256 values a tensor; and one of the prequential code.
    Of a teacher, Theorem 2.1 of Barth & von Petersenn 2025 stands beside the last.
    """
    if common.json:
        require_stdout("leave out --json")
    from mdlcodec.studies.samples import samples, samples_of_teacher

    taught = data == _TEACHER
    _refuse(_OF_DATA if taught else _OF_TEACHER, "DATA" if taught else "a teacher")
    folder = Path(f"{_TEACHER if taught else stem(data)}.samples" if output is None else output)
    methods = [name.strip() for name in sparsify.split(",") if name.strip()]
    named = named_strengths(strengths)
    arrays = None if taught else arrays_of(data, test, table, limit, common.quiet)
    with ProgressLine(common.quiet) as line:
        told = telling(line, "samples")

        if arrays is None:
            found = samples_of_teacher(
                sizes,
                student,
                sigma=sigma,
                n=_SIZES_OF_TEACHER if n is None else n,
                sparsify=methods,
                strengths=named,
                seeds=seeds,
                preset=preset,
                folder=folder,
                jobs=jobs,
                progress=told,
            )
        else:
            found = samples(
                *arrays,
                n=n,
                net=net,
                sparsify=methods,
                strengths=named,
                seeds=seeds,
                preset=preset,
                folder=folder,
                jobs=jobs,
                progress=told,
            )
    facts: dict[str, Any] = {
        "study": "samples",
        "data": data,
        "unit": found.unit,
        "findings": found.findings(),
    }
    facts["points"] = [asdict(row) for row in found]
    if not common.quiet:
        for text in [*_rows(found), *found.findings()]:
            say(text)
    title = f"Sample efficiency: {'students of a teacher' if taught else Path(data).name}"
    finished(folder, title, facts, lambda: _pictures(found), common, found.findings())


def _refuse(options: dict[str, str], of: str) -> None:
    """Raise UsageError for options that are for the other kind of data."""
    context = click.get_current_context()
    for name, option in options.items():
        source = context.get_parameter_source(name)
        if source not in (None, click.core.ParameterSource.DEFAULT):
            raise click.UsageError(f"{option} is for {of}; leave it out")


def _pictures(found: SamplesTable) -> Pictures:
    from mdlcodec.report.samples_table import CAPTION, THEOREM_CAPTION

    return [("samples", found.plot(), f"{CAPTION} {THEOREM_CAPTION}" if found.has_teacher else CAPTION)]


def _rows(found: SamplesTable) -> list[str]:
    from mdlcodec.report.samples_table import PREQUENTIAL, REGULARISED, UNREGULARISED

    kinds = (REGULARISED, UNREGULARISED, PREQUENTIAL)
    head = ["n", *(f"loss {kind}" for kind in kinds), *(f"bytes {kind}" for kind in kinds)]
    head += ["above the teacher, bits", "teacher's file, bits"] if found.has_teacher else []
    rows = []
    for n in found.sizes:
        losses = [found.loss(n, kind) for kind in kinds]
        row = [f"{n:,}", *("-" if loss is None else f"{loss.mean:.4g}" for loss in losses)]
        row += [f"{found.bits(n, kind).mean / 8:,.0f}" for kind in kinds]
        if found.has_teacher:
            row += [f"{found.above_teacher(n).mean:,.0f}", f"{found.teacher_file().mean:,.0f}"]
        rows.append(row)
    return table([head, *rows])
