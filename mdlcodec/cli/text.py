"""Texts, for the commands that take labels too: ``encode``, ``decode`` and ``test``."""

from __future__ import annotations

import math
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.files import naming, open_output
from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.table_options import TableArguments
from mdlcodec.cli.terminal import duration, say
from mdlcodec.cli.verbose import watch
from mdlcodec.cli.verification import verify_text
from mdlcodec.errors import BadData
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.codes.options import Chosen
    from mdlcodec.files.text_file import TextFile

_ENDING = ".mdl"

text_option = click.option(
    "--text",
    metavar="FILE",
    help="Code FILE as a text, whatever its name, - for standard input. A DATA that ends in .txt is one too, "
    "unless an option for tables is given.",
)


def text_source(data: str | None, text: str | None, table: TableArguments, kind: str = "auto") -> str | None:
    """Where the text is, if one is to be coded; None for labels. Raises click.UsageError for both, and neither.

    A DATA named .txt is a text, unless something is said of it that only a table has.
    """
    from mdlcodec.data.text import is_named_as_text

    of_table = [f"--{name.replace('_', '-')}" for name, value in table.items() if value is not None]
    if kind != "auto":
        of_table.append("--as")
    if text is not None:
        if data is not None:
            raise click.UsageError(f"DATA is given, and --text {text}; choose one")
        if of_table:
            raise click.UsageError(f"{of_table[0]} is of a table, and --text codes none; leave it out")
        return text
    if data is None:
        raise click.UsageError("Missing argument 'DATA'.")
    return data if is_named_as_text(data) and not of_table and not os.path.isdir(data) else None


def refuse_options_of_labels(given: dict[str, bool]) -> None:
    """Raise click.UsageError for the first option that is given and that no text has; ``given``: whether, by
    names."""
    for option, is_given in given.items():
        if is_given:
            raise click.UsageError(
                f"{option} is of labels, and this is a text; leave it out, or give --target for a table"
            )


def name_of(source: str) -> str:
    """The file that a text goes to by default."""
    return f"{'text' if source == '-' else Path(source).name}{_ENDING}"


def encode_text(
    source: str,
    output: str,
    *,
    code: str,
    net: str,
    seed: int,
    preset: int | None,
    chosen: Chosen,
    limit: int | None,
    curve: str | None,
    no_verify: bool,
    force: bool,
    common: Common,
) -> None:
    """Read, code, decode in a fresh process, tell."""
    sources = [] if source == "-" else [source]
    with (
        open_output(output, force=force, sources=sources) as destination,
        nullcontext() if curve is None else open_output(curve, force=force, sources=sources) as drawn,
    ):
        from mdlcodec.codes import Options
        from mdlcodec.data.text import looks_like_a_table, read_text
        from mdlcodec.files import text as texts
        from mdlcodec.files import text_file
        from mdlcodec.limits import readers_within

        limits = texts.sending_limits(code, common.max_work, common.max_memory)
        with readers_within(limits.memory):
            text = read_text(source, limit)
        if not common.quiet and looks_like_a_table(text):
            say(
                f"mdlcodec: note: {source} is coded as a text; as a table with labels in its last column, give "
                "--target -1"
            )
        with ProgressLine(common.quiet) as line:
            blob, run = texts.encode(
                text,
                code=code,
                net=net,
                preset=preset,
                seed=seed,
                options=Options.of(chosen),
                limits=limits,
                watch=watch("encoding", line, common),
            )
            path = destination.write(blob)
            if drawn is not None:
                assert run.curve is not None
                drawn.write(run.curve.csv("byte").encode())
            verify_seconds = None if no_verify else verify_text(path, text, common, line)
    facts: dict[str, Any] = {"kind": "text"} | text_file.inspect(blob)
    if not common.quiet:
        verified = "not verified" if verify_seconds is None else f"verified in {duration(verify_seconds)}"
        ratio = f" ({len(blob) / len(text):.1%}, {8 * len(blob) / len(text):.3f} bits a byte)" if text else ""
        say(
            f"{output}: {len(text):,} bytes of text in {len(blob):,}{ratio}; encoded in "
            f"{duration(run.seconds)}, {verified}"
        )
    if common.json:
        facts = {"file": output} | facts | {"ideal_bits": run.ideal_bits, "seconds": run.seconds}
        facts |= {"verified": verify_seconds is not None, "verify_seconds": verify_seconds}
        click.echo(strict_json(facts))


def decoded_text(file: str, parsed: TextFile, common: Common) -> tuple[bytes, float, float]:
    """The text of a file, its ideal bits, and the seconds it took."""
    from mdlcodec.files import text as texts

    with naming(file), ProgressLine(common.quiet) as line:
        text, run = texts.decode(parsed, limits=common.limits(), watch=watch("decoding", line, common))
    return text, run.ideal_bits, run.seconds


def decode_text(file: str, parsed: TextFile, output: str | None, force: bool, common: Common) -> None:
    """Decode, write, tell."""
    if output is None:
        name = Path(file).name
        output = name.removesuffix(_ENDING) if name.endswith(_ENDING) and name != _ENDING else f"{name}.txt"
    with open_output(output, force=force, sources=[file]) as destination:
        text, ideal_bits, seconds = decoded_text(file, parsed, common)
        destination.write(text)
    if not common.quiet:
        say(f"{output}: {len(text):,} bytes of text; {duration(seconds)}")
    if common.json:
        facts = {"file": file, "output": output, "length": len(text)}
        click.echo(strict_json(facts | {"ideal_bits": ideal_bits, "seconds": seconds}))


def test_text(file: str, blob: bytes, inputs: str | None, common: Common) -> None:
    """Decode and tell; a text needs no inputs."""
    from mdlcodec.files import text_file

    refuse_inputs(file, inputs)
    with naming(file):
        parsed = text_file.parse(blob)
    text, ideal_bits, seconds = decoded_text(file, parsed, common)
    if not common.quiet:
        say(f"{file}: intact; its {len(text):,} bytes of text come back in {duration(seconds)}")
    if common.json:
        facts = {"file": file, "kind": "text"} | text_file.inspect(blob)
        facts |= {"decoded": True, "ideal_bits": ideal_bits, "seconds": seconds}
        click.echo(strict_json(facts))


def refuse_inputs(file: str, inputs: str | None) -> None:
    """Raise BadData for inputs of a file that needs none."""
    if inputs is not None:
        raise BadData(f"{file!r} holds a text, which needs no inputs; leave --inputs out")


def text_row(facts: dict[str, Any]) -> list[str]:
    """A row of ``list``."""
    from mdlcodec.limits import size

    rate = f"{8 * facts['bytes'] / facts['length']:.3f}" if facts["length"] else "-"
    return [
        f"{facts['bytes']}",
        f"{facts['length']}",
        rate,
        facts["code"],
        facts["net"] or "-",
        f"{facts['preset']}",
        size(math.ceil(facts["memory"])),
        facts["file"],
    ]


TEXTS_HEAD = ["bytes", "text", "bits a byte", "code", "net", "preset", "memory", "file"]
