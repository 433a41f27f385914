"""``mdlcodec test``."""

from __future__ import annotations

import time

import click

from mdlcodec.cli.decoding import decode_labels
from mdlcodec.cli.files import naming, read_file
from mdlcodec.cli.options import Common, checkpoint_at, checkpoint_option, common_options, device_option
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.table_options import delimiter_option
from mdlcodec.cli.terminal import duration, say
from mdlcodec.cli.text import test_text
from mdlcodec.errors import BadData
from mdlcodec.report.strict_json import strict_json


@click.command("test")
@click.argument("file")
@click.option("--inputs", metavar="DATA", help="Decode as well, from these inputs, and write nothing.")
@delimiter_option
@device_option
@checkpoint_option("With --inputs only.")
@common_options
def command(
    file: str,
    inputs: str | None,
    delimiter: str | None,
    device: str,
    checkpoint: str | None,
    common: Common,
) -> None:
    """Test whether FILE is intact; with --inputs, whether its labels come back.

    A network is unpacked, a text decoded.
    """
    from mdlcodec.container import is_network_file, is_text_file
    from mdlcodec.files.label_file import inspect, parse
    from mdlcodec.report.information import mutual_information

    if checkpoint is not None and inputs is None:
        raise click.UsageError("--checkpoint is for a decode; give --inputs, or leave it out")
    with naming(file):
        blob = read_file(file, common.limits().memory)
        is_network, is_text = is_network_file(blob), is_text_file(blob)
    if is_text:
        test_text(file, blob, inputs, common)
        return
    if is_network:
        if inputs is not None:
            raise BadData(f"{file!r} holds a network, which needs no inputs; leave --inputs out")
        _test_network(file, blob, common)
        return
    with naming(file):
        label_file = parse(blob, common.limits().memory)
    ideal_bits = seconds = information = None
    if inputs is not None:
        with checkpoint_at(checkpoint, [file, inputs]) as held:
            labels, run = decode_labels(
                file, label_file, inputs, device, common, delimiter=delimiter, checkpoint=held
            )
        ideal_bits, seconds = run.ideal_bits, run.seconds
        information = mutual_information(labels, len(blob))
    if not common.quiet:
        if seconds is None:
            say(f"{file}: intact (checksum); --inputs DATA would decode it too")
        else:
            say(f"{file}: intact; its {label_file.n:,} labels come back in {duration(seconds)}")
    if common.json:
        facts = {"file": file, "kind": "labels"} | inspect(blob, common.limits().memory)
        facts |= {"decoded": inputs is not None, "ideal_bits": ideal_bits, "seconds": seconds}
        facts["mutual_information"] = information
        click.echo(strict_json(facts))


def _test_network(file: str, blob: bytes, common: Common) -> None:
    from mdlcodec.files import networks

    start = time.perf_counter()
    with naming(file), ProgressLine(common.quiet) as line:
        network = networks.unpack(blob, common.limits(), progress=line.elements)
    seconds = time.perf_counter() - start
    if not common.quiet:
        say(f"{file}: intact; tensors that came back: {len(network.parts):,}; {duration(seconds)}")
    if common.json:
        facts = {"file": file} | networks.facts(blob, network)
        facts |= {"decoded": True, "digest": networks.digest(network.tensors), "seconds": seconds}
        click.echo(strict_json(facts))
