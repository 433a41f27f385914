"""``mdlcodec list``."""

from __future__ import annotations

import math
from typing import Any

import click

from mdlcodec.cli.files import naming, read_file
from mdlcodec.cli.network_table import EXPLANATION, network_rows
from mdlcodec.cli.options import Common, common_options
from mdlcodec.cli.terminal import printable, require_stdout, say, table
from mdlcodec.cli.text import TEXTS_HEAD, text_row
from mdlcodec.errors import MdlcodecError
from mdlcodec.report.strict_json import strict_json

_LABELS_HEAD = ["bytes", "uniform", "labels", "classes", "code", "net", "preset", "seed", "file"]
_NETWORKS_HEAD = ["bytes", "weights", "tensors", "elements", "non-zeros", "file"]


@click.command("list")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@common_options
def command(files: tuple[str, ...], common: Common) -> None:
    """Show what is in files of labels, networks and texts: sizes in bytes, code and network.

    With -v, also the sections, and a network's tensors. With --json, one object for one FILE, an array of
    objects for several.
    """
    require_stdout("open it, that is where the list goes")
    facts_of_files: list[dict[str, Any]] = []
    failure: MdlcodecError | None = None
    for file in files:
        try:
            with naming(file):
                facts_of_files.append(
                    {"file": file} | _inspect(read_file(file, common.limits().memory), common)
                )
        except MdlcodecError as error:
            if len(files) == 1:
                raise
            say(f"mdlcodec: {error}")
            failure = error
    if common.json:
        click.echo(strict_json(facts_of_files[0] if len(files) == 1 else facts_of_files))
    else:
        for head, kind, row_of in (
            (_LABELS_HEAD, "labels", _labels_row),
            (_NETWORKS_HEAD, "network", _network_row),
            (TEXTS_HEAD, "text", text_row),
        ):
            rows = [row_of(facts) for facts in facts_of_files if facts["kind"] == kind]
            if rows:
                _print_table([head, *rows])
        if common.verbose:
            for facts in facts_of_files:
                _print_parts(facts)
    if failure is not None:
        raise click.exceptions.Exit(failure.exit_code)


def _inspect(blob: bytes, common: Common) -> dict[str, Any]:
    """What is in a file; its network, if labels are coded with one, only where that is asked for."""
    from mdlcodec.container import is_network_file, is_text_file
    from mdlcodec.files import label_file, text_file

    limits = common.limits()
    if is_text_file(blob):
        return {"kind": "text"} | text_file.inspect(blob)
    if is_network_file(blob):
        from mdlcodec.files import networks

        return networks.inspect(blob, limits)
    facts: dict[str, Any] = {"kind": "labels"} | label_file.inspect(blob, limits.memory)
    if (common.verbose or common.json) and any(part["name"] == "network" for part in facts["sections"]):
        from mdlcodec.files import networks

        facts["network"] = networks.network_facts(networks.unpack(blob, limits))
    return facts


def _labels_row(facts: dict[str, Any]) -> list[str]:
    return [
        f"{facts['bytes']}",
        f"{math.ceil(facts['uniform_bits'] / 8)}",
        f"{facts['labels']}",
        "reals" if facts["as"] == "reals" else f"{facts['classes']}",
        facts["code"],
        facts["net"] or "-",
        f"{facts['preset']}",
        f"{facts['seed']}",
        facts["file"],
    ]


def _network_row(facts: dict[str, Any]) -> list[str]:
    return [
        f"{facts['bytes']}",
        f"{facts['weights_bytes']}",
        f"{len(facts['tensors'])}",
        f"{facts['elements']}",
        f"{facts['nonzeros']}",
        facts["file"],
    ]


def _print_parts(facts: dict[str, Any]) -> None:
    network = facts if facts["kind"] == "network" else facts.get("network")
    if network is not None:
        _print_table(network_rows(network))
        names = f"names, types and shapes: {network['names_bits'] / 8:.1f}"
        click.echo(printable(f"{facts['file']}: {EXPLANATION}; {names}"))
    parts = ", ".join(f"{part['name']} {part['bytes']}" for part in facts["sections"])
    click.echo(printable(f"{facts['file']}: {parts}"))


def _print_table(rows: list[list[str]]) -> None:
    for row in table(rows):
        click.echo(row)
