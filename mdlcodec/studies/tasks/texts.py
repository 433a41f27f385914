"""A file of a text, and what the network in it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.codes import Options
from mdlcodec.codes.text.two_part import TwoPartText
from mdlcodec.errors import MdlcodecError
from mdlcodec.files import text as text_files
from mdlcodec.files import text_file
from mdlcodec.files.temporary import write_whole
from mdlcodec.limits import SENDER_LIMITS


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The text ``text`` as a file ``file``: ``code``, ``net``, ``preset``, ``seed``, ``options``."""
    blob, run = text_files.encode(
        Path(task["text"]).read_bytes(),
        code=task["code"],
        net=task["net"],
        preset=task["preset"],
        seed=task["seed"],
        options=Options.of(task["options"]),
        limits=SENDER_LIMITS,
    )
    write_whole(Path(task["file"]), blob)
    return {"ideal_bits": run.ideal_bits, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the text back, and what is known of a network in it. Raises MdlcodecError if another
    text comes back."""
    file = text_file.parse(Path(task["file"]).read_bytes())
    text, run = text_files.decode(file, limits=SENDER_LIMITS)
    if text != Path(task["text"]).read_bytes():
        raise MdlcodecError("another text came back; report it")
    sizes = dict(file.sections)
    told: dict[str, Any] = {"verify_seconds": run.seconds, "text_bytes": sizes["text"]}
    if not isinstance(file.code, TwoPartText):
        return told
    tensors = file.code.network(file.payload)
    return told | {
        "network_bytes": sizes["network"],
        "nonzeros": sum(int(np.count_nonzero(array)) for array in tensors.values()),
        "nominal": file.code.weights,
    }
