"""A process that encodes and decodes what it is told to, line by line: python -m mdlcodec.studies.worker.

A line on stdin is a task, a JSON object, and the line that answers it another one; lines before it, {"told": text},
tell how far the task is. It ends where stdin does, or with the process that started it.
"""

from __future__ import annotations

import json
import sys

import torch  # noqa: F401  # loaded while another process works

from mdlcodec.errors import MdlcodecError
from mdlcodec.report.parent import end_with_parent
from mdlcodec.report.strict_json import strict_json
from mdlcodec.studies.tasks import TASKS
from mdlcodec.studies.telling import told_to


def main() -> None:
    """Answers every line."""
    end_with_parent(holds_stdin=False)
    told_to(lambda text: print(strict_json({"told": text}), flush=True))
    for line in sys.stdin:
        task = json.loads(line)
        try:
            answer = getattr(TASKS[task["of"]], task["do"])(task)
        except MdlcodecError as error:
            answer = {"failed": str(error)}
        except MemoryError:
            answer = {"failed": "out of memory; give fewer examples, or fewer workers"}
        print(strict_json(answer), flush=True)


if __name__ == "__main__":
    main()
