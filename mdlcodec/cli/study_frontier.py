"""``mdlcodec study frontier``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import stem
from mdlcodec.cli.options import Common, common_options, preset_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.sender_options import Numbers
from mdlcodec.cli.study_data import Pictures, arrays_of, finished
from mdlcodec.cli.study_frontier_text import frontier_of_text
from mdlcodec.cli.study_options import (
    jobs_option,
    named_strengths,
    net_option,
    output_option,
    strengths_option,
    telling,
    test_option,
)
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import require_stdout, say, table
from mdlcodec.cli.text import text_source

if TYPE_CHECKING:
    from mdlcodec.report.frontier_table import FrontierTable


@click.command("frontier")
@click.argument("data")
@net_option
@click.option(
    "--sparsify",
    default="drr,rl1,entropy",
    metavar="NAME,..",
    show_default=True,
    help="Methods: see encode.",
)
@strengths_option
@click.option("--rho", type=Numbers(), default="0", metavar="R,..", help="Factors of squared weights.")
@test_option
@click.option("--limit", type=int, metavar="N", help="The first N examples, or bytes of a text, only.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="K",
    show_default=True,
    help="Networks of each.",
)
@click.option(
    "--unregularised",
    metavar="NAME,..",
    help="Of a text: networks that are trained without a penalty, too, drawn as crosses. [default: that of --net]",
)
@click.option(
    "--prequential",
    type=click.IntRange(1, 9),
    metavar="P",
    help="Of a text: make a file of the prequential code of such a network at preset -P, too, drawn as a line.",
)
@jobs_option
@output_option("frontier")
@preset_option
@table_options
@common_options
def command(
    data: str,
    net: str,
    sparsify: str,
    strengths: tuple[tuple[str, tuple[float, ...]], ...],
    rho: tuple[float, ...],
    test: str | None,
    limit: int | None,
    seeds: int,
    unregularised: str | None,
    prequential: int | None,
    jobs: int | None,
    output: str | None,
    preset: int | None,
    table: TableArguments,
    common: Common,
) -> None:
    """Sparse networks for DATA by several methods at several strengths, each with the labels in a file.

    Every file is decoded by another process than wrote it, and its network tested on examples that were not trained
    on. The folder gets frontier.json, pictures (loss against bytes, with isolines of the description length;
    accuracy against compression) and index.html, with mdlcodec[plot]. Of a text (DATA that ends in .txt, unless an
    option for tables is given) networks over bytes are sent; losses are those of the text itself.
    """
    if common.json:
        require_stdout("leave out --json")
    folder = Path(f"{stem(data)}.frontier" if output is None else output)
    chosen: dict[str, Any] = {
        "net": net,
        "sparsify": _names(sparsify),
        "strengths": named_strengths(strengths),
        "rho": rho,
        "seeds": seeds,
        "preset": preset,
        "jobs": jobs,
    }
    if text_source(data, None, table) is not None:
        if test is not None:
            raise click.UsageError("--test is of labels, and this is a text; leave it out, or give --target")
        chosen |= {"unregularised": None if unregularised is None else _names(unregularised)}
        frontier_of_text(data, folder, limit, common, **chosen, prequential=prequential)
        return
    for given, option in ((unregularised, "--unregularised"), (prequential, "--prequential")):
        if given is not None:
            raise click.UsageError(f"{option} is of a text; leave it out")
    from mdlcodec.studies.frontier import frontier

    arrays = arrays_of(data, test, table, limit, common.quiet)
    with ProgressLine(common.quiet) as line:
        found = frontier(
            *arrays[:2],
            **chosen,
            x_test=arrays[2],
            y_test=arrays[3],
            folder=folder,
            progress=telling(line, "frontier"),
        )
    facts = {"study": "frontier", "labels": found.labels, "classes": found.classes}
    facts |= {"findings": found.findings()}
    facts |= {"test_labels": found.test_labels, "points": [asdict(row) for row in found]}
    if not common.quiet:
        for text in [*_rows(found), *found.findings()]:
            say(text)
    title = f"Sparse networks for {Path(data).name}"
    finished(folder, title, facts, lambda: _pictures(found), common, found.findings())


def _names(text: str) -> list[str]:
    """Of a list with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _pictures(found: FrontierTable) -> Pictures:
    from mdlcodec.report.frontier_table import accuracy_against_compression, loss_against_bytes

    loss, accuracy = loss_against_bytes(found), accuracy_against_compression(found)
    return [
        ("loss", loss, "Test loss against the bytes of the network in its file."),
        ("accuracy", accuracy, "Test accuracy against compression, and the concave hull of the points."),
    ]


def _rows(found: FrontierTable) -> list[str]:
    head = ["method", "strength", "non-zeros", "r_W", "r_N", "multiply-adds", "test error"]
    head += ["network", "labels", "file"]
    rows = [
        [
            row.method + (f", rho {row.rho:g}" if row.rho else ""),
            f"{row.strength:.4g}",
            f"{row.nonzeros:,}",
            f"{row.weights_share:.2%}",
            f"{row.activations_share:.2%}",
            f"{row.multiply_adds:,}",
            f"{row.test_error:.2%}",
            f"{row.network_bytes:,}",
            f"{row.labels_bytes:,}",
            f"{row.bytes:,}",
        ]
        for row in found
    ]
    return table([head, *rows])
