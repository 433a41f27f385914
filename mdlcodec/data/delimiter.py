"""What stands between a table's cells (formats/data.md, section 3)."""

from __future__ import annotations

import re
from pathlib import Path

from mdlcodec.data.bounded import open_bounded
from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData

COMMA = ","
_KNOWN = ("\t", ";", COMMA)  # of equally many, the first
_BY_NAME = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": COMMA}
_LOOKED_AT = 1 << 16  # bytes of the first line
_MOST_LINES = 65_536  # without a cell, before it
_QUOTED = re.compile(r'"[^"]*("|\Z)')


def delimiter_of(source: str, asked: str | None = None) -> str:
    """What was asked for, else what stands most often outside quotes in the first line that is not blank: tab,
    semicolon or comma; comma where none does.

    Raises BadData for what cannot separate cells.
    """
    if asked is not None:
        chosen = _BY_NAME.get(asked.lower(), asked)
        if len(chosen) != 1 or chosen in '" \r\n\0' or chosen.isalnum() or not chosen.isascii():
            raise BadData(
                f"--delimiter {quoted(asked)} cannot separate cells; give tab, ; or another character"
            )
        return chosen
    with open_bounded(Path(source)) as stream:
        for _ in range(_MOST_LINES):
            line = stream.readline(_LOOKED_AT)
            if not line or line.strip():
                break
    text = _QUOTED.sub("", line.decode("utf-8", "replace"))
    counts = [text.count(delimiter) for delimiter in _KNOWN]
    return _KNOWN[counts.index(max(counts))] if any(counts) else COMMA
