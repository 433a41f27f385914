"""A training of a study of the information plane, watched at checkpoints: see
`mdlcodec.studies.information_plane.run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdlcodec.files.temporary import write_whole
from mdlcodec.studies.information_plane.run import RunFolder, kept_examples, recipe_of
from mdlcodec.studies.telling import tell


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """Trains by ``recipe`` in ``folder`` on ``examples``; ``measured``: whether layers are looked at.
    ``file``: a list of the digests of the weights at every checkpoint."""
    folder, examples = _folder(task), kept_examples(task["examples"])
    folder.train(examples, task["measured"], tell)
    lines = [f"{record['step']} {record['digest']}\n" for record in folder.records()]
    write_whole(Path(task["file"]), "".join(lines).encode())
    return {"after": folder.after_transition(examples)}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Another process gets the same weights, as far as it trains again. Raises MdlcodecError if not."""
    return {"trained_again": _folder(task).repeat(kept_examples(task["examples"]))}


def _folder(task: dict[str, Any]) -> RunFolder:
    return RunFolder(Path(task["folder"]), recipe_of(task["recipe"]), task["settings"])
