"""``mdlcodec study teacher``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.options import Common, common_options, preset_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.study_data import Pictures, finished
from mdlcodec.cli.study_options import (
    Sizes,
    jobs_option,
    named_strengths,
    sigma_option,
    strengths_option,
    student_option,
    teacher_option,
    telling,
)
from mdlcodec.cli.terminal import require_stdout, say, table

if TYPE_CHECKING:
    from mdlcodec.report.teacher_table import TeacherTable


@click.command("teacher")
@teacher_option
@student_option
@sigma_option
@click.option(
    "--n", type=Sizes(), default="30:3000:7", metavar="N", show_default=True, help="Numbers of examples."
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=1, metavar="K", show_default=True, help="Teachers."
)
@click.option(
    "--sparsify", default="drr,entropy", metavar="NAME,..", show_default=True, help="Methods: see encode."
)
@strengths_option
@jobs_option
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    default="teacher",
    show_default=True,
    help="Where everything is kept.",
)
@preset_option
@common_options
def command(
    sizes: tuple[int, ...],
    student: tuple[int, ...],
    sigma: float,
    n: tuple[int, ...],
    seeds: int,
    sparsify: str,
    strengths: tuple[tuple[str, tuple[float, ...]], ...],
    jobs: int | None,
    output: str,
    preset: int | None,
    common: Common,
) -> None:
    """Numbers that a random network gives, and networks that learn them, in files.

    A teacher is drawn exactly from its seed; its numbers, with noise, are multiples of 2^-8. For each number of
    examples: files of the two-part code by each method at each strength, of the prequential code, and of
    uniform in the range; beside them the ideal length under one Gaussian.
    """
    if common.json:
        require_stdout("leave out --json")
    from mdlcodec.studies.teacher import teacher

    with ProgressLine(common.quiet) as line:
        found = teacher(
            sizes,
            student,
            sigma=sigma,
            n=n,
            seeds=seeds,
            sparsify=[name.strip() for name in sparsify.split(",") if name.strip()],
            strengths=named_strengths(strengths),
            preset=preset,
            folder=output,
            jobs=jobs,
            progress=telling(line, "teacher"),
        )
    if not common.quiet:
        for text in [*_rows(found), *found.findings()]:
            say(text)
    facts: dict[str, Any] = {"study": "teacher", "sigma": sigma, "findings": found.findings()}
    facts["points"] = [asdict(row) for row in found]
    title = "Students of a teacher"
    finished(Path(output), title, facts, lambda: _pictures(found), common, found.findings())


def _pictures(found: TeacherTable) -> Pictures:
    return [
        ("bits", found.plot(), "Bits a number, of each method's shortest file; medians over teachers."),
        (
            "loss",
            found.frontier(),
            "Test error against the bytes of the network, a point a file. Isolines: bytes of the network and of n "
            "numbers under a Gaussian whose variance is that error. Dashed: the variance of the noise.",
        ),
    ]


def _rows(found: TeacherTable) -> list[str]:
    methods = list(dict.fromkeys(row.method for row in found))
    rows = [["n", *methods, "one Gaussian (ideal)"]]
    for n in sorted({row.n for row in found}):
        sizes = [f"{found.shortest(n, method):,.0f}" for method in methods]
        rows.append([f"{n:,}", *sizes, f"{found.gaussian(n):,.1f}"])
    return table(rows)
