"""``mdlcodec decode --predict``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mdlcodec.cli.decoding import inputs_from
from mdlcodec.cli.files import is_stdout, naming, open_output, stem
from mdlcodec.cli.options import Common, checkpoint_at
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import duration, say
from mdlcodec.cli.verbose import watch
from mdlcodec.errors import BadData
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    import numpy as np

    from mdlcodec.files.label_file import LabelFile


def predict(
    file: str,
    label_file: LabelFile,
    inputs: str,
    others: str,
    output: str | None,
    delimiter: str | None,
    device: str,
    checkpoint: str | None,
    force: bool,
    common: Common,
) -> None:
    """Decode a parsed file with its inputs, and write what was learned says of other examples."""
    from mdlcodec.data.unseen import features_of_one
    from mdlcodec.files import label_inputs
    from mdlcodec.files import labels as label_files
    from mdlcodec.files.learned import Answers, learn_again
    from mdlcodec.limits import readers_within

    header, limits = label_file.header, common.limits()
    if header.grid is not None:
        raise BadData("--predict is for classes, and the labels in this file are real numbers")
    output = f"{stem(file)}-predictions.npy" if output is None else output
    if not (is_stdout(output) or output.endswith((".npy", ".csv"))):
        raise BadData(f"-o {output!r} ends neither in .npy nor in .csv, in which predictions are written")
    with (
        checkpoint_at(checkpoint, [file, inputs, others, output]) as held,
        open_output(output, force=force, sources=[file, inputs, others]) as destination,
    ):
        with naming(file), ProgressLine(common.quiet) as line:
            with readers_within(limits.memory):
                found = inputs_from(inputs, common.quiet, delimiter)(header)
                content = label_inputs.matching_content(found, header)
                features = features_of_one(content, label_inputs.others_from(others, header, delimiter))
            received = label_files.receive(
                label_file,
                lambda _: [content],
                device=device,
                limits=limits,
                watch=watch("decoding", line, common),
                checkpoint=held,
            )
            learned = received.decoded.learned
            answers = (
                learn_again(label_file, received.inputs, received.labels, device=device, limits=limits)
                if learned is None
                else Answers(learned, device)
            )
            table = answers.probabilities(features)
        names = [str(value) for value in header.values]
        destination.write(_as_csv(names, table) if output.endswith(".csv") else _as_npy(table))
    if not common.quiet:
        say(
            f"{output}: probabilities of {len(names):,} classes for {len(table):,} examples; "
            f"{duration(received.run.seconds)}"
        )
    if common.json:
        facts = {"file": file, "output": output, "examples": len(table), "classes": names}
        click.echo(strict_json(facts | {"seconds": received.run.seconds}))


def _as_npy(table: np.ndarray) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.save(stream, table, allow_pickle=False)
    return stream.getvalue()


def _as_csv(names: Sequence[str], table: np.ndarray) -> bytes:
    """A line of class names, then one for each example."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([repr(value) for value in row] for row in table.tolist())
    return stream.getvalue().encode()
