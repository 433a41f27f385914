"""``mdlcodec test``."""

from __future__ import annotations

import json

import click

from mdlcodec.cli.decode import decode_labels
from mdlcodec.cli.files import naming, read_file
from mdlcodec.cli.options import Common, common_options, device_option
from mdlcodec.cli.terminal import duration, say


@click.command("test")
@click.argument("file")
@click.option("--inputs", metavar="DATA", help="Decode as well, from these inputs, and write nothing.")
@device_option
@common_options
def command(file: str, inputs: str | None, device: str, common: Common) -> None:
    """Test whether FILE is intact; with --inputs, whether its labels come back."""
    from mdlcodec import labels as label_files

    with naming(file):
        blob = read_file(file)
        label_file = label_files.parse(blob)
    ideal_bits = seconds = None
    if inputs is not None:
        _, run = decode_labels(file, label_file, inputs, device, common)
        ideal_bits, seconds = run.ideal_bits, run.seconds
    if not common.quiet:
        if seconds is None:
            say(f"{file}: intact (checksum); --inputs DATA would decode it too")
        else:
            say(f"{file}: intact; its {label_file.n:,} labels come back in {duration(seconds)}")
    if common.json:
        facts = {"file": file} | label_files.inspect(blob)
        facts |= {"decoded": inputs is not None, "ideal_bits": ideal_bits, "seconds": seconds}
        click.echo(json.dumps(facts))
