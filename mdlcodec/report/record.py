"""The record of a row, kept beside its file, so that a comparison goes on where it was interrupted.

A record is what somebody's folder holds: nothing in it is believed that the file or the data say themselves. What
it alone can say is believed where its seal shows that this user's own run wrote it (`seal`), and is checked for its
type (`row.row_of`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mdlcodec.report.row import Row
from mdlcodec.report.seal import seal
from mdlcodec.report.strict_json import strict_json

_MOST_BYTES = 1 << 20  # of a record


def written(row: Row, settings: dict[str, Any], blob: bytes, test: str | None, key: bytes) -> bytes:
    """The record of a file; ``test``: the digest of the examples that accuracy was measured on; ``key``: it is
    sealed with."""
    record = {"settings": settings, "sha256": sha256(blob), "test": test, "row": asdict(row)}
    return strict_json(record | {"seal": _seal_of(record, key)}, indent=1).encode() + b"\n"


def is_sealed(record: dict[str, Any], key: bytes) -> bool:
    """Whether `written` wrote it with that key, and nothing was changed since."""
    expected = _seal_of({name: value for name, value in record.items() if name != "seal"}, key)
    return hmac.compare_digest(expected.encode(), str(record.get("seal")).encode("utf-8", "replace"))


def _seal_of(record: dict[str, Any], key: bytes) -> str:
    return seal(key, strict_json(record, sort_keys=True).encode())


def read(path: Path) -> dict[str, Any] | None:
    """What `written` wrote, its values unchecked; None for anything else."""
    data = read_regular(path, _MOST_BYTES)
    try:
        record = None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not {"settings", "sha256", "row"} <= record.keys():
        return None
    return record if isinstance(record["row"], dict) and isinstance(record["settings"], dict) else None


def read_regular(path: Path, most: int) -> bytes | None:
    """A file of at most so many bytes; None for what is longer, or no file: a pipe would never end."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    try:
        with open(path, "rb", opener=opener) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                return None
            return stream.read(status.st_size)
    except OSError:
        return None


def sha256(blob: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(blob).hexdigest()
