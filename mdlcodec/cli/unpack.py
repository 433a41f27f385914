"""``mdlcodec unpack``."""

from __future__ import annotations

import time

import click

from mdlcodec.cli.files import is_stdout, is_stream, naming, open_output, read_file, stem
from mdlcodec.cli.options import Common, common_options
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import duration, say
from mdlcodec.report.strict_json import strict_json


@click.command("unpack")
@click.argument("file")
@click.option(
    "-o",
    "--output",
    metavar="WEIGHTS",
    help="Where the weights go, - for stdout (as safetensors); .safetensors and .npz choose the form. "
    "[default: NAME.safetensors]",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite WEIGHTS if it exists.")
@common_options
def command(file: str, output: str | None, force: bool, common: Common) -> None:
    """Get the weights back from FILE, which pack wrote, or encode with a two-part code.

    bfloat16 and floats of 8 bits need .safetensors, since .npz has no such types.
    """
    if common.json and is_stdout(output):
        raise click.UsageError("-o - and --json both want stdout; choose one")
    from mdlcodec.data.weights import WRITERS, writer_for
    from mdlcodec.files import networks

    output = f"{stem(file)}{WRITERS[0].ENDING}" if output is None else output
    writer = WRITERS[0] if is_stream(output) else writer_for(output)
    with open_output(output, force=force, sources=[file]) as destination:
        start = time.perf_counter()
        with naming(file), ProgressLine(common.quiet) as line:
            network = networks.unpack(
                read_file(file, common.limits().memory), common.limits(), progress=line.elements
            )
        path = destination.write_by(lambda path: writer.write(network.tensors, path))
        size = path.stat().st_size
        seconds = time.perf_counter() - start
    form = writer.ENDING.lstrip(".")
    elements = sum(tensor.patterns.size for tensor in network.tensors)
    if not common.quiet:
        say(
            f"{output}: {len(network.tensors):,} tensors of {elements:,} numbers, as {form}; {duration(seconds)}"
        )
    if common.json:
        facts = {"file": file, "output": output, "form": form, "bytes": size}
        facts |= {"tensors": len(network.tensors), "elements": elements, "seconds": seconds}
        click.echo(strict_json(facts))
