"""A case: a command line, the files that it reads, and the limits that it is given; and what came of it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

_FACTS = "case.json"


@dataclass
class Case:
    """``arguments``: of mdlcodec, run in a folder with nothing but ``files``; ``outputs``: what it may write."""

    kind: str
    arguments: list[str]
    files: dict[str, bytes]
    work: int
    memory: int
    outputs: list[str] = field(default_factory=list)
    name: str = ""

    def command(self) -> list[str]:
        """The arguments with the limits."""
        return [*self.arguments, "--max-work", str(self.work), "--max-memory", str(self.memory)]

    def written(self) -> bytes:
        """An archive of the files, with the facts in it."""
        facts = {name: value for name, value in asdict(self).items() if name != "files"}
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_FACTS, json.dumps(facts, indent=1))
            for name, data in self.files.items():
                archive.writestr(f"files/{name}", data)
        return stream.getvalue()

    @classmethod
    def read(cls, path: Path) -> Case:
        """What ``written`` gave."""
        with zipfile.ZipFile(path) as archive:
            facts = json.loads(archive.read(_FACTS))
            names = [name for name in archive.namelist() if name.startswith("files/")]
            files = {name.removeprefix("files/"): archive.read(name) for name in names}
        return cls(files=files, **facts)


@dataclass
class Outcome:
    """``stage``: how far it came; ``wrong``: what was mishandled, if anything; ``site``: where it was refused.

    ``seconds`` are of processor time; ``memory``: bytes above what the process held before.
    """

    stage: str
    wrong: list[str]
    site: str = ""
    line: str = ""
    seconds: float = 0.0
    memory: int = 0
