"""``mdlcodec list``."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from mdlcodec.cli.files import naming, read_file
from mdlcodec.cli.options import Common, common_options
from mdlcodec.cli.terminal import printable, require_stdout, say, table
from mdlcodec.errors import MdlcodecError

_HEAD = ["bytes", "uniform", "labels", "classes", "code", "net", "preset", "seed", "file"]


@click.command("list")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@common_options
def command(files: tuple[str, ...], common: Common) -> None:
    """Show what is in label files: sizes in bytes, code and network.

    With --json, one object for one FILE, an array of objects for several.
    """
    from mdlcodec import labels as label_files

    require_stdout("open it, that is where the list goes")
    found: list[dict[str, Any]] = []
    failure: MdlcodecError | None = None
    for file in files:
        try:
            with naming(file):
                found.append({"file": file} | label_files.inspect(read_file(file)))
        except MdlcodecError as error:
            if len(files) == 1:
                raise
            say(f"mdlcodec: {error}")
            failure = error
    if common.json:
        click.echo(json.dumps(found[0] if len(files) == 1 else found))
    elif found:
        rows = [
            [
                f"{facts['bytes']}",
                f"{math.ceil(facts['uniform_bits'] / 8)}",
                f"{facts['labels']}",
                f"{facts['classes']}",
                facts["code"],
                facts["net"] or "-",
                f"{facts['preset']}",
                f"{facts['seed']}",
                facts["file"],
            ]
            for facts in found
        ]
        for row in table([_HEAD, *rows]):
            click.echo(row)
        if common.verbose:
            for facts in found:
                parts = ", ".join(f"{part['name']} {part['bytes']}" for part in facts["sections"])
                click.echo(printable(f"{facts['file']}: {parts}"))
    if failure is not None:
        raise click.exceptions.Exit(failure.exit_code)
