"""A study's folder: files with a record beside each, so that a study that was ended goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdlcodec.errors import MdlcodecError
from mdlcodec.files.temporary import write_whole
from mdlcodec.report.strict_json import strict_json


class StudyFolder:
    """NAME.mdl and NAME.json for each point; a record says all that its point depends on, and the file's
    hash.

    ``ending``: of the files, where they are no .mdl files.
    """

    def __init__(self, path: Path, ending: str = ".mdl") -> None:
        self.path, self._ending = path, ending

    def check(self, points: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise MdlcodecError where this is no folder, or holds points of another study; ``points``: by name,
        what each depends on."""
        if os.path.lexists(self.path) and not self.path.is_dir():
            raise MdlcodecError(f"{str(self.path)!r} is no folder; choose another")
        for name, settings in points.items():
            if self.known(name, settings) is None and self.record(name).exists():
                raise MdlcodecError(
                    f"{str(self.record(name))!r} is of other data, settings or versions; choose another folder"
                )

    def file(self, name: str) -> Path:
        """Of a point."""
        return self.path / f"{name}{self._ending}"

    def record(self, name: str) -> Path:
        """Beside it."""
        return self.path / f"{name}.json"

    def known(self, name: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record of a point that is finished, whose file is the one it was made of."""
        try:
            record = json.loads(self.record(name).read_bytes())
            blob = self.file(name).read_bytes()
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or any(record.get(k) != v for k, v in settings.items()):
            return None
        return record if record.get("sha256") == hashlib.sha256(blob).hexdigest() else None

    def keep(self, name: str, settings: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write and return the record of a point whose file is there."""
        blob = self.file(name).read_bytes()
        record = {**settings, "bytes": len(blob), "sha256": hashlib.sha256(blob).hexdigest(), **facts}
        self.write(f"{name}.json", strict_json(record, indent=1).encode() + b"\n")
        return record

    def write(self, name: str, blob: bytes) -> None:
        """A file of that name, whole or not at all."""
        write_whole(self.path / name, blob)
