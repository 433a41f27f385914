"""Decoding in a fresh process what was just written, before anybody relies on it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.signals import signals_deferred
from mdlcodec.errors import MdlcodecError
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.fresh_process import check_same, fresh_python
from mdlcodec.report.parent import PARENT

if TYPE_CHECKING:
    from mdlcodec.data import AnyLabels

_PROGRESS = ("decoding: ", "unpacking: ")


def verify(
    path: Path,
    data: str,
    labels: AnyLabels,
    common: Common,
    line: ProgressLine,
    checkpoint: str | None = None,
    delimiter: str | None = None,
) -> float:
    """Decode a file by ``mdlcodec decode`` in a process of its own and compare; the seconds it took.

    ``checkpoint``: where that process keeps its state, if it does; ``delimiter``: what separates a table's cells.

    Raises MdlcodecError unless the very same labels come back.
    """
    import numpy as np

    start = time.perf_counter()
    with temporary_folder() as folder:
        decoded = folder / "labels.npy"
        _decode(path, data, decoded, common, line, checkpoint, delimiter)
        check_same(labels.array(), np.load(decoded, allow_pickle=False))
    return time.perf_counter() - start


def verify_text(path: Path, text: bytes, common: Common, line: ProgressLine) -> float:
    """Decode a text's file by ``mdlcodec decode`` in a process of its own and compare; the seconds it took.

    Raises MdlcodecError unless the very same text comes back.
    """
    start = time.perf_counter()
    with temporary_folder() as folder:
        decoded = folder / "text"
        limits = common.limits()
        allowed = ["--max-work", str(limits.work), "--max-memory", str(limits.memory)]
        _run(["decode", "-o", str(decoded), *allowed, "--", str(path)], dict(os.environ), line, None)
        if decoded.read_bytes() != text:
            raise MdlcodecError("a fresh process decoded another text than was encoded; please report this")
    return time.perf_counter() - start


def verify_network(path: Path, digest: str, common: Common, line: ProgressLine) -> float:
    """Unpack a network file by ``mdlcodec test`` in a process of its own; the seconds it took.

    Raises MdlcodecError unless tensors with that digest (networks.digest) come back.
    """
    start = time.perf_counter()
    arguments = ["test", "--json", *_limits(common), "--", str(path)]
    with tempfile.TemporaryFile() as output:  # a pipe could fill up while stderr is read
        _run(arguments, dict(os.environ), line, output)
        output.seek(0)
        told = json.load(output)
    if told["digest"] != digest:
        raise MdlcodecError("a fresh process unpacked other weights than were packed; please report this")
    return time.perf_counter() - start


def _decode(
    path: Path,
    data: str,
    output: Path,
    common: Common,
    line: ProgressLine,
    checkpoint: str | None = None,
    delimiter: str | None = None,
) -> None:
    # on the CPU also what a GPU encoded: whoever decodes may have none
    arguments = ["decode", f"--inputs={data}", "-o", str(output), *_limits(common), "--device", "cpu"]
    environment = dict(os.environ)
    if environment.get("MDLCODEC_ENGINE") == "cuda":
        del environment["MDLCODEC_ENGINE"]
    if delimiter is not None:
        arguments.append(f"--delimiter={delimiter}")
    if checkpoint is not None:
        arguments.append(f"--checkpoint={checkpoint}")
    _run([*arguments, "--", str(path)], environment, line, None)


def _limits(common: Common) -> list[str]:
    """Arguments that allow what was allowed to the sender."""
    limits = common.sending_limits()
    return ["--max-work", str(limits.work), "--max-memory", str(limits.memory)]


def _run(
    arguments: list[str], environment: dict[str, str], line: ProgressLine, output: IO[bytes] | None
) -> None:
    """Run a command in a fresh process, its stdout into a file; MdlcodecError with its last line if it fails."""
    message = ""
    line.show_passing("verifying in a fresh process")
    with contextlib.ExitStack() as stack:
        with signals_deferred():  # between fork and return, nobody would end the new process
            decoder = subprocess.Popen(
                [*fresh_python(), *arguments],
                env=environment | {PARENT: str(os.getpid())},
                stdin=subprocess.PIPE,  # ends with this process, see report.parent
                stdout=subprocess.DEVNULL if output is None else output,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="backslashreplace",
            )
            stack.enter_context(decoder)
            stack.callback(decoder.kill)
        assert decoder.stderr is not None
        for text in decoder.stderr:
            if text.startswith(_PROGRESS):
                line.show(f"verifying: {text.strip().partition(': ')[2]}")
            else:
                message = text.strip()
        decoder.wait()
    if decoder.returncode:
        if message.endswith("No module named mdlcodec"):  # it runs from a clone, where -P does not find it
            message += "; install it with pip install ., or use --no-verify"
        raise MdlcodecError(f"a fresh process could not decode the file: {message}")
