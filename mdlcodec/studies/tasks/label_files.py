"""A file of labels or numbers as tasks of several studies write and read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.codes import Options
from mdlcodec.data import Dataset
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.files.label_file import LabelFile
from mdlcodec.files.labels import Received
from mdlcodec.files.runs import Run
from mdlcodec.files.temporary import write_whole
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.report.fresh_process import check_same


def written(task: dict[str, Any], dataset: Dataset) -> Run:
    """Writes ``file`` by ``code``, ``net``, ``preset``, ``seed`` and ``options`` of a task; what it took."""
    blob, run = label_files.encode(
        dataset,
        code=task["code"],
        net=task["net"],
        preset=task["preset"],
        seed=task["seed"],
        device="cpu",
        options=Options.of(task["options"]),
        limits=SENDER_LIMITS,
    )
    write_whole(Path(task["file"]), blob)
    return run


def received(task: dict[str, Any]) -> tuple[LabelFile, Received]:
    """``file``, and what came out of it with the inputs in ``training``. Raises MdlcodecError where that is not
    what stands there as y."""
    file = label_file.parse(Path(task["file"]).read_bytes())
    found = label_files.receive(
        file, label_inputs.inputs_from(task["training"]), device="cpu", limits=SENDER_LIMITS
    )
    with np.load(task["training"], allow_pickle=False) as held:
        check_same(held["y"], found.labels.array())
    return file, found
