"""Texts: files whose bytes are what is coded, from the first to the last."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from mdlcodec.data.byte_likes import bytes_of
from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData
from mdlcodec.limits import check_reading

STDIN = "-"
_AT_ONCE = 1 << 20
_LOOKED_AT, _LINES = 1 << 14, 20  # bytes and lines at a text's beginning
_SEPARATORS = (b"\t", b";", b",")


def is_named_as_text(source: str) -> bool:
    """Whether a file's name ends in .txt."""
    return Path(source).suffix.lower() == ".txt"


def read_text(source: str, limit: int | None = None) -> bytes:
    """The bytes of a file, or of standard input for ``-``; ``limit``: of the first so many.

    Raises BadData for what cannot be read, LimitExceeded for more than readers may take (limits.readers_within).
    """
    if limit is not None and limit < 1:
        raise BadData(f"--limit {limit} leaves nothing of the text; give at least 1")
    if source == STDIN:
        if sys.stdin is None:
            raise BadData("stdin is closed; name a file")
        return _read(sys.stdin.fileno(), "standard input", limit)
    path = Path(source)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BadData(f"{quoted(source)} is a folder; give a file, or put its files into one")
        if stat.S_ISREG(status.st_mode):
            size = status.st_size if limit is None else min(limit, status.st_size)
            check_reading(size, quoted(source))
        with path.open("rb") as stream:
            return _read(stream.fileno(), quoted(source), limit)
    except FileNotFoundError as error:
        raise BadData(f"there is no file {quoted(source)}; give a text that exists") from error
    except OSError as error:
        raise BadData(f"cannot read {quoted(source)}: {error.strerror}") from error


def _read(descriptor: int, name: str, limit: int | None) -> bytes:
    text = bytearray()
    while limit is None or len(text) < limit:
        part = os.read(descriptor, _AT_ONCE if limit is None else min(_AT_ONCE, limit - len(text)))
        if not part:
            break
        check_reading(2 * (len(text) + len(part)), name)
        text += part
    return bytes(text)


def text_bytes(text: object) -> bytes:
    """What holds bytes as bytes; raises BadData for what does not, str among it."""
    held = bytes_of(text)
    if held is None:
        raise BadData(f"a text was given as {type(text).__name__}; give bytes, such as text.encode()")
    return held


def looks_like_a_table(text: bytes) -> bool:
    """Whether the first lines all have equally many separators, one at least; said to people, decides nothing."""
    lines = [line for line in text[:_LOOKED_AT].splitlines()[:_LINES] if line.strip()]
    if len(text) > _LOOKED_AT and len(lines) > 1:
        lines.pop()  # may be cut
    return len(lines) > 1 and any(
        len({line.count(separator) for line in lines}) == 1 and separator in lines[0]
        for separator in _SEPARATORS
    )
