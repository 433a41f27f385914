"""A process of its own that decodes, as whoever gets a file would."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mdlcodec.errors import MdlcodecError
from mdlcodec.files.temporary import temporary_folder

if TYPE_CHECKING:  # a process that starts has no need of numpy yet
    import numpy as np

    from mdlcodec.data.dataset import AnyLabels
    from mdlcodec.limits import Limits


def fresh_python() -> list[str]:
    """A Python that runs mdlcodec as it is installed, and imports nothing from the current folder."""
    if sys.version_info >= (3, 11):
        return [sys.executable, "-P", "-m", "mdlcodec"]
    run = (
        "import sys; sys.path.remove(''); import runpy; runpy.run_module('mdlcodec', None, '__main__', True)"
    )
    return [sys.executable, "-c", run]


def check_same(expected: np.ndarray, back: np.ndarray) -> None:
    """Raise MdlcodecError unless the labels that another process decoded are those that were encoded, (n,)."""
    if back.dtype != expected.dtype or back.tobytes() != expected.tobytes():
        raise MdlcodecError("a fresh process decoded other labels than were encoded; please report this")


def decoder_of(x: np.ndarray, limits: Limits) -> Callable[[Path, AnyLabels], float]:
    """What decodes a file of labels of x (n, ...) in a process of its own, compares, and gives the seconds it took.

    It raises MdlcodecError unless these labels come back.
    """

    import numpy as np

    def decode(path: Path, labels: AnyLabels) -> float:
        with temporary_folder() as folder:
            inputs, decoded = folder / "inputs.npz", folder / "labels.npy"
            np.savez(inputs, x=x)
            allowed = ["--max-work", str(limits.work), "--max-memory", str(limits.memory), "--device", "cpu"]
            command = [
                "decode",
                f"--inputs={inputs}",
                "-o",
                str(decoded),
                "--quiet",
                *allowed,
                "--",
                str(path),
            ]
            start = time.perf_counter()
            done = subprocess.run([*fresh_python(), *command], capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - start
            if done.returncode:
                lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
                raise MdlcodecError(f"a fresh process could not decode the file: {lines[-1]}")
            check_same(labels.array(), np.load(decoded, allow_pickle=False))
        return seconds

    return decode
