"""``mdlcodec study plane``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import stem
from mdlcodec.cli.options import Common, common_options
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.study_data import Pictures, arrays_of, finished
from mdlcodec.cli.study_options import jobs_option, output_option, test_option
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import require_stdout, say, table

if TYPE_CHECKING:
    from mdlcodec.report.plane_table import PlaneTable

SYMMETRIC = "symmetric"
_SHOWN_DIGITS = 16  # of a digest


@click.command("plane")
@click.argument("data", metavar=f"DATA|{SYMMETRIC}|ACTIVATIONS.npz")
@click.option(
    "--net",
    metavar="WIDTHS",
    help="Hidden layers, or a name that encode --net knows. [default: 10-7-5-4-3 for symmetric, else "
    "500-250-100-50-20]",
)
@click.option(
    "--activation", default="tanh", metavar="tanh|relu", show_default=True, help="Of hidden layers."
)
@click.option(
    "--optimiser", default="sgd", metavar="sgd|momentum|adam", show_default=True, help="How weights move."
)
@click.option(
    "--rate", type=float, metavar="R", help="[default: 0.1 of sgd, 0.02 of momentum, 0.0004 of adam]"
)
@click.option(
    "--batch", type=int, metavar="N", help="Examples a step. [default: 512 for symmetric, else 128]"
)
@click.option("--epochs", type=int, metavar="N", help="[default: 8000 for symmetric, else 100]")
@click.option("--seeds", type=int, metavar="N", help="Networks. [default: 5 for symmetric, else 2]")
@click.option(
    "--control",
    multiple=True,
    metavar="random-labels|full-batch",
    help="Also train on labels in a random order, or on all examples at each step; may be given twice.",
)
@click.option(
    "--checkpoints",
    type=int,
    default=30,
    metavar="N",
    show_default=True,
    help="When layers are looked at, evenly in the logarithm of steps.",
)
@click.option(
    "--estimator", "estimate", multiple=True, metavar="NAME", help="Only that one, or those. [default: all]"
)
@click.option(
    "--variance", type=float, metavar="V", help="Of kernels. [default: 0.001 for symmetric, else 0.1]"
)
@click.option(
    "--beta",
    type=float,
    default=0.1,
    metavar="B",
    show_default=True,
    help="Deviation of a noisy network's noise.",
)
@click.option("--limit", type=int, metavar="N", help="The first N examples only.")
@click.option("--plot", metavar="FILE", help="Also draw the plane into this .png file.")
@test_option
@jobs_option
@output_option("plane")
@table_options
@common_options
def command(
    data: str,
    net: str | None,
    activation: str,
    optimiser: str,
    rate: float | None,
    batch: int | None,
    epochs: int | None,
    seeds: int | None,
    control: tuple[str, ...],
    checkpoints: int,
    estimate: tuple[str, ...],
    variance: float | None,
    beta: float,
    limit: int | None,
    plot: str | None,
    test: str | None,
    jobs: int | None,
    output: str | None,
    table: TableArguments,
    common: Common,
) -> None:
    """The information plane of a training, or of activations of any framework, by several estimators side by
    side.

    Networks train exactly on DATA, or on all 4,096 patterns of 12 bits (symmetric); the digest of the weights
    at every checkpoint is the same on every machine. Each estimator says what a layer tells of the inputs and
    of the labels, and whether it is saturated; of the labels, a file proves it. ACTIVATIONS.npz has arrays
    LAYER/CHECKPOINT (n, d), y (n,), and, where that is known, trained (n,).
    """
    if common.json:
        require_stdout("leave out --json")
    if plot is not None:
        from mdlcodec.report.plot import require_matplotlib

        require_matplotlib()
    from mdlcodec.studies.information_plane import plane, plane_of_activations
    from mdlcodec.studies.information_plane.activations import is_activations

    folder = Path(f"{stem(data)}.plane" if output is None else output)
    names = estimate or None
    with ProgressLine(common.quiet) as line:

        def told(text: str) -> None:
            line.stage("plane", text)

        if is_activations(data):
            found = plane_of_activations(
                data, estimate=names, variance=variance, beta=beta, folder=folder, jobs=jobs, progress=told
            )
        else:
            found = plane(
                *arrays_for(data, limit, test, table, common.quiet),
                net=net,
                activation=activation,
                optimiser=optimiser,
                rate=rate,
                batch=batch,
                epochs=epochs,
                seeds=seeds,
                control=control,
                checkpoints=checkpoints,
                estimate=names,
                variance=variance,
                beta=beta,
                folder=folder,
                jobs=jobs,
                progress=told,
            )
    if not common.quiet:
        for text in (*_moments(found), *_rows(found), *_notes(found)):
            say(text)
    finished(folder, f"Information plane: {Path(data).name}", _facts(found), lambda: _pictures(found), common)
    if plot is not None:
        from mdlcodec.files.temporary import write_whole
        from mdlcodec.report.plot import png

        write_whole(Path(plot), png(found.plot()))


def arrays_for(
    data: str,
    limit: int | None = None,
    test: str | None = None,
    table: TableArguments | None = None,
    quiet: bool = True,
) -> list[Any]:
    """What `mdlcodec.studies.plane` takes first: the name of a set that needs no file, or arrays. Raises
    BadData."""
    if data == SYMMETRIC:
        return [SYMMETRIC]
    said = (
        TableArguments(target=None, target_index=None, header=None, delimiter=None)
        if table is None
        else table
    )
    return arrays_of(data, test, said, limit, quiet)


def _facts(found: PlaneTable) -> dict[str, Any]:
    return {"study": "plane"} | found.facts()


def _pictures(found: PlaneTable) -> Pictures:
    from mdlcodec.report.plane_pictures import (
        CHANNEL_CAPTION,
        PLANE_CAPTION,
        control_name,
        phases_picture,
        plane_picture,
    )

    drawn = []
    for control in found.controls:
        name = f"plane-{control}" if control else "plane"
        caption = f"{control_name(control).capitalize()}. {PLANE_CAPTION}"
        drawn.append((name, plane_picture(found, control), caption))
    if found.moments:
        drawn.append(("phases", phases_picture(found), CHANNEL_CAPTION))
    return drawn


def _moments(found: PlaneTable) -> list[str]:
    head = ["run", "step", "training loss", "test error", "signal to noise", "digest of the weights"]
    rows = [
        [
            f"{moment.control} seed {moment.seed}".strip(),
            f"{moment.step:,}",
            f"{moment.training_loss:.4f}",
            f"{moment.test_error:.2%}",
            f"{moment.signal_to_noise:.3g}",
            moment.digest[:_SHOWN_DIGITS],
        ]
        for moment in found.moments
    ]
    return table([head, *rows]) if rows else []


def _rows(found: PlaneTable) -> list[str]:
    """I(X;T) / I(T;Y) of every layer at the last checkpoint, a line for each estimator."""
    lines = []
    for control in found.controls:
        rows = [[f"last checkpoint{', ' + control if control else ''}", *found.layers]]
        for name in found.estimators:
            own = [s for s in found.summaries if (s.control, s.estimator) == (control, name)]
            rows.append([name, *(_both(s.ixt, s.iyt, s.saturated == 1.0, s.compression_from) for s in own)])
        lines += table(rows)
    return lines


def _both(ixt: float | None, iyt: float, saturated: bool, start: int | None) -> str:
    said = "" if ixt is None else f"{ixt:.2f}{'*' if saturated else ''}{'v' if start is not None else ''} / "
    return f"{said}{iyt:.3f}"


def _notes(found: PlaneTable) -> list[str]:
    lines = ["I(X;T) / I(T;Y) in bits, means over seeds; *: saturated throughout; v: falls after a maximum"]
    for control, of in found.violations.items():
        broken = [f"{name} {x} and {y}" for name, (x, y, _) in of.items() if x or y]
        which = f"{control}: " if control else ""
        if broken:
            lines.append(f"{which}data processing does not hold of I(X;T) and I(T;Y): {'; '.join(broken)}")
    for run in found.runs:
        step = "none" if run["transition"] is None else f"step {run['step']:,}"
        lines.append(f"{run['control']} seed {run['seed']}: transition of the gradients: {step}".strip())
    return lines
