"""``mdlcodec study frontier`` of a text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.study_data import Pictures, finished
from mdlcodec.cli.study_options import telling
from mdlcodec.cli.terminal import duration, say, table

if TYPE_CHECKING:
    from mdlcodec.report.text_frontier_table import TextFrontierTable


def frontier_of_text(source: str, folder: Path, limit: int | None, common: Common, **chosen: Any) -> None:
    """Read, make what is missing, tell; ``chosen``: as `mdlcodec.studies.text_frontier` takes it."""
    from mdlcodec.data.text import read_text
    from mdlcodec.limits import readers_within
    from mdlcodec.studies.text_frontier import text_frontier

    with readers_within(common.limits().memory):
        text = read_text(source, limit)
    with ProgressLine(common.quiet) as line:
        found = text_frontier(text, **chosen, folder=folder, progress=telling(line, "frontier"))
    facts: dict[str, Any] = {"study": "frontier", "length": found.length, "xz": found.xz}
    facts |= {"prequential": found.prequential, "findings": found.findings()}
    facts |= {"points": [asdict(row) | {"claimed": row.claimed} for row in found]}
    if not common.quiet:
        for said in [*_rows(found), *found.findings()]:
            say(said)
    title = f"Networks for {Path(source).name}"
    finished(folder, title, facts, lambda: _pictures(found), common, found.findings())


def _pictures(found: TextFrontierTable) -> Pictures:
    return [("loss", found.plot(), "Loss against the bytes of the network in its file.")]


def _rows(found: TextFrontierTable) -> list[str]:
    head = ["method", "net", "strength", "non-zeros", "bits a byte", "network", "text", "file", "claimed"]
    rows = [
        [
            row.method + (f", rho {row.rho:g}" if row.rho else ""),
            row.net,
            "-" if row.strength is None else f"{row.strength:.4g}",
            f"{row.nonzeros:,}",
            f"{row.loss:.4f}",
            f"{row.network_bytes:,}",
            f"{row.text_bytes:,}",
            f"{row.bytes:,}",
            f"{row.claimed:,}",
            duration(row.seconds),
        ]
        for row in found
    ]
    return table([[*head, "encode"], *rows])
