"""``mdlcodec encode``."""

from __future__ import annotations

import math
import os
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import is_stdout, open_output, stem
from mdlcodec.cli.network_only import write_network
from mdlcodec.cli.options import (
    Common,
    checkpoint_at,
    checkpoint_option,
    common_options,
    device_option,
    preset_option,
)
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.sender_options import sender_options
from mdlcodec.cli.table_options import TableArguments, table_options
from mdlcodec.cli.terminal import duration, say, say_notes
from mdlcodec.cli.text import encode_text, name_of, refuse_options_of_labels, text_option, text_source
from mdlcodec.cli.verbose import watch
from mdlcodec.cli.verification import verify
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.codes.options import Chosen
    from mdlcodec.data import Dataset
    from mdlcodec.files.runs import Run
    from mdlcodec.report.accuracy import Examples


@click.command("encode")
@click.argument("data", required=False)
@text_option
@click.option("-o", "--output", metavar="FILE", help="The file to write, - for stdout. [default: NAME.mdl]")
@click.option(
    "--code",
    default="auto",
    metavar="NAME",
    show_default=True,
    help="prequential, which learns on both sides; switching, which does so with several models; auto, which is "
    "switching for up to 4,000 examples, else prequential; uniform, which does not learn; two-part, subspace or "
    "variational, which write a small network first; or two-part-raw, which writes a network of 32-bit floats.",
)
@click.option(
    "--net",
    default="auto",
    metavar="NAME",
    show_default=True,
    help="What learns: mlp, cnn or kernel, alone (--code prequential, which auto then is); lenet5 or lenet-300-100 "
    "(two-part, two-part-raw, subspace); narrow-lenet, narrow-convolution or narrow-mlp (variational); shallow, "
    "tiny-cnn, vgga, vggb, vgg16, mobilenet-0.5 or resnet20; of a text mixing, mixing-lstm, transformer or lstm, "
    "and with two-part transformer, lstm (-small) or transformer-medium; "
    "or auto, which chooses by the inputs' shape and number.",
)
@click.option("--seed", default=0, type=int, metavar="N", show_default=True, help="Seed of the network.")
@sender_options
@preset_option
@table_options
@click.option(
    "--as",
    "kind",
    default="auto",
    type=click.Choice(["auto", "classes", "reals"]),
    show_default=True,
    help="What labels are: classes, or reals, numbers on a line. auto: numbers that are not all integers are reals "
    "if their different values are more than 20 and more than a quarter of the examples.",
)
@click.option(
    "--precision",
    metavar="P",
    help="Of reals: code the nearest multiples of P, such as 0.01. [default: every label comes back as it was]",
)
@click.option("--limit", type=int, metavar="N", help="Encode the first N examples only.")
@device_option
@checkpoint_option(
    "FILE.verify is its decoder's in the fresh process. Codes that transmit a network train from the beginning; "
    "FILE has what they coded while that is decoded. A kernel machine computes its matrices again."
)
@click.option(
    "--curve",
    metavar="FILE.csv",
    help="Write labels seen, their ideal bits and mistakes so far, block by block.",
)
@click.option(
    "--test",
    metavar="DATA",
    help="Examples with labels that what was learned is tested on: the share that it gets right is told.",
)
@click.option(
    "--parameter-bits",
    "parameters",
    is_flag=True,
    help="Tell what learning cost: the file's bits without those of the labels once all is learned.",
)
@click.option(
    "--network-only",
    is_flag=True,
    help="Write the network that two-part (auto's here), two-part-raw or variational would transmit, without "
    "labels; unpack, list, test and bound read it.",
)
@click.option("--no-verify", is_flag=True, help="Do not decode the file in a fresh process.")
@click.option("-f", "--force", is_flag=True, help="Overwrite FILE if it exists.")
@common_options
def command(
    data: str | None,
    text: str | None,
    output: str | None,
    code: str,
    net: str,
    seed: int,
    chosen: Chosen,
    preset: int | None,
    table: TableArguments,
    kind: str,
    precision: str | None,
    limit: int | None,
    device: str,
    checkpoint: str | None,
    curve: str | None,
    test: str | None,
    parameters: bool,
    network_only: bool,
    no_verify: bool,
    force: bool,
    common: Common,
) -> None:
    """Write the labels of DATA, or a text, to a small file.

    DATA is one of: digits (built in), an .npz file with x and y, a table (.csv, .data or .txt, also .gz or
    .xz), a folder with IDX files as MNIST comes or .bin files as CIFAR comes, a folder with a folder of images
    (.png, .bmp, .ppm, .tiff, lossless .webp) for each class. A .txt file is a text, all of whose bytes are
    coded, unless --target or another option for tables is given; so is what --text names. The file is decoded in
    a fresh process, on the CPU whatever the device, before success is reported.
    """
    source = text_source(data, text, table, kind)
    if output is None:
        output = f"{stem(str(data))}.mdl" if source is None else name_of(source)
    if common.json and is_stdout(output):
        raise click.UsageError("-o - and --json both want stdout; choose one")
    if curve is not None and os.path.realpath(curve) == os.path.realpath(output):
        raise click.UsageError(f"{curve!r} is both of two outputs, --curve and -o; choose another")
    if source is not None:
        refuse_options_of_labels(
            {
                "--precision": precision is not None,
                "--test": test is not None,
                "--parameter-bits": parameters,
                "--network-only": network_only,
                "--checkpoint": checkpoint is not None,
            }
        )
        encode_text(
            source,
            output,
            code=code,
            net=net,
            seed=seed,
            preset=preset,
            chosen=chosen,
            limit=limit,
            curve=curve,
            no_verify=no_verify,
            force=force,
            common=common,
        )
        return
    assert data is not None
    if network_only:
        for given, option in (
            (curve, "--curve"),
            (parameters, "--parameter-bits"),
            (checkpoint, "--checkpoint"),
        ):
            if given:
                raise click.UsageError(f"{option} is of a file of labels, and --network-only writes none")
    sources = [name for name in (data, test) if name is not None]
    with (
        checkpoint_at(checkpoint, [*sources, output]) as held,
        open_output(output, force=force, sources=sources) as destination,
        nullcontext() if curve is None else open_output(curve, force=force, sources=sources) as drawn,
    ):
        from mdlcodec.codes import Options
        from mdlcodec.data import Choice, read
        from mdlcodec.files import label_file
        from mdlcodec.files import labels as label_files
        from mdlcodec.report.accuracy import read_examples
        from mdlcodec.report.information import mutual_information

        dataset = read(data, limit=limit, choice=Choice(kind, precision), keep=test is not None, **table)
        assert dataset.labels is not None
        say_notes(dataset.notes, common.quiet)
        examples = None if test is None else read_examples(test, table["target"], dataset)
        if parameters:
            dataset.class_labels  # noqa: B018  # raises for real numbers, before anything is trained
        if network_only:
            write_network(
                output,
                destination,
                dataset,
                examples,
                common,
                code=code,
                net=net,
                preset=preset,
                seed=seed,
                options=Options.of(chosen),
                no_verify=no_verify,
            )
            return
        with ProgressLine(common.quiet) as line:
            blob, run = label_files.encode(
                dataset,
                code=code,
                net=net,
                preset=preset,
                seed=seed,
                device=device,
                options=Options.of(chosen),
                limits=common.sending_limits(),
                watch=watch("encoding", line, common),
                checkpoint=held,
                keep_learned=parameters or examples is not None,
            )
            path = destination.write(blob)
            if drawn is not None:
                assert run.curve is not None
                drawn.write(run.curve.csv().encode())
            learned = _of_learned(blob, run, dataset, examples, parameters, device, common)
            run = replace(run, learned=None)  # its memory is the decoder's now
            beside = None if checkpoint is None else f"{checkpoint}.verify"
            verify_seconds = (
                None
                if no_verify
                else verify(path, data, dataset.labels, common, line, beside, table["delimiter"])
            )
    change = dataset.labels.change
    facts: dict[str, Any] = {"kind": "labels"} | label_file.inspect(blob)
    if not common.quiet:
        verified = "not verified" if verify_seconds is None else f"verified in {duration(verify_seconds)}"
        uniform = math.ceil(facts["uniform_bits"] / 8)
        ratio = f" ({len(blob) / uniform:.1%} of uniform's {uniform:,})" if uniform else ""
        say(
            f"{output}: {len(blob):,} bytes{ratio}, labels' ideal {run.ideal_bits:,.1f} bits; "
            f"encoded in {duration(run.seconds)}, {verified}"
        )
        if common.verbose and run.training_error is not None:
            say(f"training error of the network: {run.training_error:.3%}")
        if change is not None:
            say(f"the largest change of a label: {change:.6g}")
        if run.learned_in_vain:
            say("no trained network was worth its bits, and none was sent")
        elif run.objective_bits is not None:
            say(f"variational objective (KL + expected loss): {run.objective_bits:,.1f} bits")
        for text in _said(learned):
            say(text)
    if common.json:
        facts = {"file": output} | facts | {"ideal_bits": run.ideal_bits, "seconds": run.seconds}
        facts |= {"mutual_information": mutual_information(dataset.labels, len(blob))} | learned
        if run.training_error is not None:
            facts["training_error"] = run.training_error
        if run.objective_bits is not None:
            facts["objective_bits"] = run.objective_bits
        if run.learned_in_vain:
            facts["learned_in_vain"] = True
        if change is not None:
            facts["largest_change"] = change
        if dataset.notes:
            facts["notes"] = list(dataset.notes)
        facts |= {"verified": verify_seconds is not None, "verify_seconds": verify_seconds}
        click.echo(strict_json(facts))


def _of_learned(
    blob: bytes,
    run: Run,
    dataset: Dataset,
    examples: Examples | None,
    parameters: bool,
    device: str,
    common: Common,
) -> dict[str, float]:
    """What was asked for of what was learned from the labels: test accuracy, bits of the parameters."""
    if examples is None and not parameters:
        return {}
    from mdlcodec.files import label_file
    from mdlcodec.files.learned import Answers, learn_again

    assert dataset.labels is not None
    file, limits = label_file.parse(blob), common.sending_limits()
    if run.learned is None:
        answers = learn_again(file, dataset.inputs, dataset.labels, device=device, limits=limits)
    else:
        answers = Answers(run.learned, device)
    told = {}
    if examples is not None:
        told["test_accuracy"] = answers.accuracy(examples.features, examples.classes)
    if parameters:
        classes = dataset.class_labels.classes
        told["parameter_bits"] = 8 * len(blob) - answers.bits(dataset.inputs.features, classes)
    return told


def _said(learned: dict[str, float]) -> list[str]:
    """The same for people."""
    texts = []
    if "test_accuracy" in learned:
        texts.append(f"test accuracy: {learned['test_accuracy']:.2%}")
    if "parameter_bits" in learned:
        texts.append(f"of the file, learning cost {learned['parameter_bits']:,.1f} bits")
    return texts
