"""``mdlcodec decode``."""

from __future__ import annotations

import click

from mdlcodec.cli.decoding import decode_labels
from mdlcodec.cli.files import is_stdout, is_stream, naming, open_output, read_file, stem
from mdlcodec.cli.options import Common, checkpoint_at, checkpoint_option, common_options, device_option
from mdlcodec.cli.predict import predict
from mdlcodec.cli.table_options import delimiter_option
from mdlcodec.cli.terminal import duration, say
from mdlcodec.cli.text import decode_text, refuse_inputs
from mdlcodec.report.strict_json import strict_json


@click.command("decode")
@click.argument("file")
@click.option(
    "--inputs",
    metavar="DATA",
    help="The inputs of labels; labels in DATA are not looked at. A text needs none. [required for labels]",
)
@click.option(
    "-o",
    "--output",
    metavar="LABELS",
    help="Where the labels go, - for stdout; .npy, .csv, -idx1-ubyte and -idx1-ubyte.gz choose the form. "
    "[default: NAME-labels in the form they came in; of a text, FILE without .mdl]",
)
@click.option(
    "--predict",
    "others",
    metavar="NEW",
    help="Examples beside those in DATA: LABELS (.npy or .csv) gets the probabilities of their classes, as what "
    "was learned from all labels has them. [LABELS is NAME-predictions.npy by default]",
)
@delimiter_option
@device_option
@checkpoint_option("A kernel machine computes its matrices again.")
@click.option("-f", "--force", is_flag=True, help="Overwrite LABELS if it exists.")
@common_options
def command(
    file: str,
    inputs: str | None,
    output: str | None,
    others: str | None,
    delimiter: str | None,
    device: str,
    checkpoint: str | None,
    force: bool,
    common: Common,
) -> None:
    """Get the labels back from FILE, given the inputs they belong to, or the text.

    DATA is as for encode, and may lack the labels: an .npz file with x alone, a table without
    its label column, a folder with all the images in it and no class folders.
    """
    if common.json and is_stdout(output):
        raise click.UsageError("-o - and --json both want stdout; choose one")
    from mdlcodec.container import is_text_file
    from mdlcodec.data import FORMS, form_of, label_bytes
    from mdlcodec.files import text_file
    from mdlcodec.files.label_file import parse

    with naming(file):
        memory = common.limits().memory
        blob = read_file(file, memory)
        if is_text_file(blob):
            refuse_inputs(file, inputs)
            for option, value in (
                ("--predict", others),
                ("--delimiter", delimiter),
                ("--checkpoint", checkpoint),
            ):
                if value is not None:
                    raise click.UsageError(f"{option} is of labels, and {file!r} holds a text; leave it out")
            decode_text(file, text_file.parse(blob), output, force, common)
            return
        label_file = parse(blob, memory)
    if inputs is None:
        raise click.UsageError("Missing option '--inputs'.")
    if others is not None:
        predict(file, label_file, inputs, others, output, delimiter, device, checkpoint, force, common)
        return
    form = label_file.header.form if output is None or is_stream(output) else form_of(output)
    output = f"{stem(file)}-labels{FORMS[form]}" if output is None else output
    label_bytes(label_file.one_label_each(), form)  # does the form fit? It is known before any training
    with (
        checkpoint_at(checkpoint, [file, inputs, output]) as held,
        open_output(output, force=force, sources=[file, inputs]) as destination,
    ):
        labels, run = decode_labels(
            file, label_file, inputs, device, common, form=form, delimiter=delimiter, checkpoint=held
        )
        destination.write(label_bytes(labels, form))
    if not common.quiet:
        say(f"{output}: {labels.n:,} labels {label_file.target.described()}; {duration(run.seconds)}")
    if common.json:
        facts = {"file": file, "output": output, "form": form, "labels": labels.n}
        facts["classes"] = label_file.k or None
        click.echo(strict_json(facts | {"ideal_bits": run.ideal_bits, "seconds": run.seconds}))
