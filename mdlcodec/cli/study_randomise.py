"""``mdlcodec study randomise``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mdlcodec.cli.files import stem
from mdlcodec.cli.options import Common, common_options, preset_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.sender_options import Numbers
from mdlcodec.cli.study_data import arrays_of, finished
from mdlcodec.cli.study_options import jobs_option, net_option, output_option, telling, test_option
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import require_stdout, say, table


@click.command("randomise")
@click.argument("data")
@net_option
@click.option(
    "--noise",
    type=Numbers(),
    default="0,0.25,0.5,0.75,1",
    metavar="V,..",
    show_default=True,
    help="Shares of examples that get a class drawn at random.",
)
@click.option(
    "--sparsity",
    type=Numbers(),
    default="0,0.5,0.7,0.8,0.9,0.95,0.98",
    metavar="S,..",
    show_default=True,
    help="Shares of weights that go.",
)
@click.option(
    "--n", type=click.IntRange(min=1), metavar="N", help="Examples that are drawn. [default: half of them]"
)
@click.option(
    "--repetitions",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="K",
    show_default=True,
    help="Training sets.",
)
@click.option("--limit", type=int, metavar="N", help="Draw from the first N examples only.")
@test_option
@jobs_option
@output_option("randomise")
@preset_option
@table_options
@common_options
def command(
    data: str,
    net: str,
    noise: tuple[float, ...],
    sparsity: tuple[float, ...],
    n: int | None,
    repetitions: int,
    limit: int | None,
    test: str | None,
    jobs: int | None,
    output: str | None,
    preset: int | None,
    table: TableArguments,
    common: Common,
) -> None:
    """How small networks that fit random labels become (Zhou et al. 2018, section 8 and Theorem 6.1).

    A network is fitted to labels of DATA of which a share is random, pruned, trained on and written with the
    labels; every file is decoded by another process.
    """
    if common.json:
        require_stdout("leave out --json")
    from mdlcodec.studies.randomise import randomise

    folder = Path(f"{stem(data)}.randomise" if output is None else output)
    arrays = arrays_of(data, test, table, limit, common.quiet)
    with ProgressLine(common.quiet) as line:
        found = randomise(
            *arrays,
            net=net,
            noise=noise,
            sparsity=sparsity,
            n=n,
            repetitions=repetitions,
            preset=preset,
            folder=folder,
            jobs=jobs,
            progress=telling(line, "randomise"),
        )
    rows = [asdict(row) for row in found]
    facts: dict[str, Any] = {"study": "randomise", "labels": found.labels, "classes": found.classes}
    facts |= {
        "test_labels": found.test_labels,
        "repetitions": found.repetitions,
        "findings": found.findings(),
    }
    facts["points"] = rows
    if not common.quiet:
        for text in [*_rows(rows), *found.findings()]:
            say(text)
    finished(
        folder,
        f"Random labels: {Path(data).name}",
        facts,
        lambda: [
            (
                "accuracy",
                found.plot(),
                "Training accuracy of pruned networks, and the bytes of their files. Theorem 6.1 bounds the "
                "entropy of what is learned, over the draw of the training set; means over repetitions stand for "
                "expectations.",
            )
        ],
        common,
        found.findings(),
    )


def _rows(rows: list[dict[str, float]]) -> list[str]:
    head = ["noise", "sparsity", "training accuracy", "test accuracy", "network", "file", "Theorem 6.1"]
    return table(
        [
            head,
            *(
                [
                    f"{row['noise']:g}",
                    f"{row['sparsity']:g}",
                    f"{row['training_accuracy']:.2%}",
                    f"{row['test_accuracy']:.2%}",
                    f"{row['network_bytes']:,.0f}",
                    f"{row['bytes']:,.0f}",
                    f"{row['least_bytes']:,.1f}",
                ]
                for row in rows
            ),
        ]
    )
