"""A file of labels of a probe: see `mdlcodec.studies.probing`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.data import Choice
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.files.temporary import write_whole
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.report.fresh_process import check_same


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The labels y of an .npz file ``data`` as a file ``file``, under ``preset`` and ``seed``."""
    dataset = data.read(task["data"], choice=Choice("classes"))
    blob, run = label_files.encode(
        dataset, preset=task["preset"], seed=task["seed"], device="cpu", limits=SENDER_LIMITS
    )
    write_whole(Path(task["file"]), blob)
    return {"ideal_bits": run.ideal_bits, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the labels in ``data`` back, from the inputs there. Raises MdlcodecError if
    not."""
    file = label_file.parse(Path(task["file"]).read_bytes())
    decoded, run = label_files.decode(
        file, label_inputs.inputs_from(task["data"]), device="cpu", limits=SENDER_LIMITS
    )
    with np.load(task["data"], allow_pickle=False) as held:
        check_same(held["y"], decoded.array())
    return {"verify_seconds": run.seconds}
