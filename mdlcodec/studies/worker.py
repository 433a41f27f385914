"""A process that encodes and decodes what it is told to, line by line: python -m mdlcodec.studies.worker.

A line on stdin is a task, a JSON object, and the line that answers it another one. It ends where stdin does, or
with the process that started it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: F401  # loaded while another process works

from mdlcodec import data
from mdlcodec.data import Choice
from mdlcodec.errors import MdlcodecError
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.files.temporary import temporary_file
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.report.fresh_process import check_same
from mdlcodec.report.parent import end_with_parent
from mdlcodec.report.strict_json import strict_json


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The labels y of an .npz file ``data`` as a file ``file``, under ``preset`` and ``seed``."""
    dataset = data.read(task["data"], choice=Choice("classes"))
    blob, run = label_files.encode(
        dataset, preset=task["preset"], seed=task["seed"], device="cpu", limits=SENDER_LIMITS
    )
    path = Path(task["file"])
    with temporary_file(path.parent) as temporary:
        temporary.write_bytes(blob)
        temporary.replace(path)
    return {"ideal_bits": run.ideal_bits, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the labels in ``data`` back, from the inputs there. Raises MdlcodecError if not."""
    file = label_file.parse(Path(task["file"]).read_bytes())
    decoded, run = label_files.decode(
        file, label_inputs.inputs_from(task["data"]), device="cpu", limits=SENDER_LIMITS
    )
    with np.load(task["data"], allow_pickle=False) as held:
        check_same(held["y"], decoded.array())
    return {"verify_seconds": run.seconds}


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"encode": encode, "decode": decode}


def main() -> None:
    """Answers every line."""
    end_with_parent(holds_stdin=False)
    for line in sys.stdin:
        task = json.loads(line)
        try:
            answer = TASKS[task["do"]](task)
        except MdlcodecError as error:
            answer = {"failed": str(error)}
        except MemoryError:
            answer = {"failed": "out of memory; give fewer examples, or fewer workers"}
        print(strict_json(answer), flush=True)


if __name__ == "__main__":
    main()
