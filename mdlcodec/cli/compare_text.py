"""``mdlcodec compare`` of a text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import duration, printable, say, table
from mdlcodec.cli.verbose import watch
from mdlcodec.cli.verification import verify_text
from mdlcodec.report.strict_json import strict_json

if TYPE_CHECKING:
    from mdlcodec.codes.text import TextCode
    from mdlcodec.report.text_comparison import TextRow


def compare_text(
    source: str,
    codes: str | None,
    folder: Path,
    *,
    preset: int | None,
    limit: int | None,
    force: bool,
    common: Common,
) -> bool:
    """Make what is missing, print the table; whether every code has its file."""
    from mdlcodec.codes.text import TEXT_CODES
    from mdlcodec.data.text import read_text
    from mdlcodec.files.text import DEFAULT_TEXT_PRESET
    from mdlcodec.limits import readers_within
    from mdlcodec.report.text_comparison import check_files, compared_text

    chosen = [code for code in TEXT_CODES if code.is_quick]
    if codes is not None:
        asked = [_named(name.strip()) for name in codes.split(",")]
        chosen = [code for code in TEXT_CODES if code in asked]
    preset = DEFAULT_TEXT_PRESET if preset is None else preset
    with readers_within(common.limits().memory):
        text = read_text(source, limit)
    if not force:
        check_files(text, chosen, folder, preset)
    folder.mkdir(exist_ok=True)
    with ProgressLine(common.quiet) as line:
        rows = compared_text(
            text,
            chosen,
            folder,
            lambda path: verify_text(path, text, common, line),
            preset=preset,
            limits=common.limits(),
            force=force,
            watch=watch("encoding", line, common),
        )
    for row in rows:
        if row.failed is not None:
            say(f"mdlcodec: {row.code} failed: {row.failed}")
    if common.json:
        facts = {"data": source, "length": len(text), "uniform_bits": 8 * len(text), "preset": preset}
        click.echo(
            strict_json(facts | {"limit": limit, "folder": str(folder), "codes": [asdict(r) for r in rows]})
        )
    else:
        for line_of_table in _rows(rows, len(text)):
            click.echo(printable(line_of_table))
    return all(row.failed is None for row in rows)


def _named(name: str) -> TextCode:
    """The code of that name, or the prequential one of a net of that name. Raises BadData."""
    from mdlcodec.codes.text import TEXT_CODES, text_code_named

    of_net = next((code for code in TEXT_CODES if code.net == name), None)
    return text_code_named(name, "auto") if of_net is None else of_net


def _rows(rows: list[TextRow], length: int) -> list[str]:
    shown = [["code", "net", "bytes", "bits a byte", "ratio", "encode", "decode"]]
    for row in rows:
        if row.bytes is not None:
            rate = [f"{8 * row.bytes / length:.3f}", f"{row.bytes / length:.3f}"] if length else ["-", "-"]
            times = [
                "-" if seconds is None else duration(seconds)
                for seconds in (row.encode_seconds, row.decode_seconds)
            ]
            shown.append([row.code, row.net or "-", f"{row.bytes:,}", *rate, *times])
    return table(shown)
