"""Runs cases in a process of its own, and says what was mishandled."""

from __future__ import annotations

import ctypes
import io
import json
import os
import sys
import tempfile
import time
import traceback
import unicodedata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner, Result

from fuzzing.case import Case, Outcome

ABOVE = 1.1  # of a limit, by which what is measured may be above it
FEW_SECONDS, FEW_BYTES = 1.0, 6 << 20  # besides: what starting a command takes
_TRIES = 2  # more
_BOUND_CHECKS = os.environ.get("NUMBA_BOUNDSCHECK") == "1"
_PAGE = 1024
SHOWN: list[BaseException] = []
_LIBC = ctypes.CDLL(None)


def serve(connection: Connection, environment: dict[str, str]) -> None:
    """Answer cases with outcomes until the other side closes."""
    os.environ.update(environment)
    from mdlcodec.limits import seconds_of

    seconds_of(1)
    _record()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while True:
            try:
                case = connection.recv()
            except EOFError:
                return
            connection.send(judged(case, Path(folder)))


def judged(case: Case, parent: Path) -> Outcome:
    """The outcome of a case; what is above a limit is run again, since much is done but once in a process."""
    outcome = _run(case, parent)
    for _ in range(_TRIES):
        if any(wrong.startswith("above") for wrong in outcome.wrong):
            again = _run(case, parent)
            outcome = again if len(again.wrong) < len(outcome.wrong) else outcome
    return outcome


def _run(case: Case, parent: Path) -> Outcome:
    from mdlcodec.cli import main
    from mdlcodec.limits import seconds_of

    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        for path, blob in case.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(blob)
        before = os.getcwd()
        os.chdir(folder)
        try:
            _LIBC.malloc_trim(0)
            held = _status("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")
            start = time.process_time()
            SHOWN.clear()
            result = CliRunner().invoke(main, case.command())
            seconds = time.process_time() - start
            memory = max(0, _status("VmHWM") - held)
            outcome = _judged(case, result, folder)
        finally:
            os.chdir(before)
    outcome.seconds, outcome.memory = seconds, memory
    if memory > ABOVE * case.memory + FEW_BYTES:
        outcome.wrong.append(f"above the limit of memory: {memory:,} bytes, not {case.memory:,}")
    allowed = ABOVE * seconds_of(case.work) + FEW_SECONDS
    if seconds > allowed and not _BOUND_CHECKS:
        outcome.wrong.append(f"above the limit of work: {seconds:.2f} s, not {allowed:.2f} s")
    return outcome


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * _PAGE
    return 0


def _judged(case: Case, result: Result, folder: Path) -> Outcome:
    wrong = _wrong_ending(result) + _wrong_text(case, result) + _left_behind(case, result, folder)
    outcome = Outcome(_stage(result), wrong, _site(result), result.stderr[:300])
    if result.exit_code == 0:
        try:
            outcome.wrong += _wrong_result(case, folder)
        except Exception as error:
            outcome.wrong.append(f"what came out cannot be checked: {type(error).__name__}: {error}")
    return outcome


def _record() -> None:
    """From now on, every failure that is shown is in SHOWN."""
    from mdlcodec.cli.failures import Failure

    show = Failure.show

    def show_and_record(failure: Failure, file: IO[Any] | None = None) -> None:
        SHOWN.append(failure)
        show(failure, file)

    Failure.show = show_and_record  # type: ignore[method-assign]


def _cause(result: Result) -> BaseException | None:
    """What the command's failure was made of."""
    error = SHOWN[-1] if SHOWN else result.exception
    while type(error).__name__ == "Failure" and error is not None and error.__cause__ is not None:
        error = error.__cause__
    return None if isinstance(error, SystemExit) else error


def _wrong_ending(result: Result) -> list[str]:
    import click

    from mdlcodec.errors import MdlcodecError

    error = _cause(result)
    if result.exit_code not in (0, 1, 2, 3):
        return [f"exit code {result.exit_code}: {error!r}"]
    if error is None or isinstance(error, MdlcodecError | click.UsageError | click.exceptions.Exit):
        return []
    lines = traceback.format_exception(error)
    return [f"{type(error).__name__}: {str(error)[:200]} {''.join(lines[-3:])}"]


def _wrong_text(case: Case, result: Result) -> list[str]:
    wrong = []
    lines = result.stderr.split("\n")
    said = [line for line in lines if line]
    if result.exit_code and "--quiet" in case.arguments and len(said) != 1:
        wrong.append(f"{len(said)} lines of error: {result.stderr[:300]!r}")
    if result.exit_code and not (said and said[-1].startswith("mdlcodec: ")):
        wrong.append(f"no line of error: {result.stderr[-300:]!r}")
    if len(result.stderr) > 100_000 or any(
        len(line) > 1000 for line in said if line.startswith("mdlcodec: ")
    ):
        wrong.append(f"a line of {max(map(len, said))} characters")
    for name, text in (("stderr", result.stderr), ("stdout", result.stdout)):
        odd = {
            letter
            for letter in text
            if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs")
        }
        if odd and not ("--json" in case.arguments and name == "stdout"):
            wrong.append(f"control characters on {name}: {sorted(map(ascii, odd))}")
    if "--json" in case.arguments and result.exit_code == 0:
        try:
            json.loads(result.stdout, parse_constant=_no_json)
        except ValueError as error:
            wrong.append(f"no strict JSON: {error}")
    return wrong


def _no_json(constant: str) -> None:
    raise ValueError(constant)


def _left_behind(case: Case, result: Result, folder: Path) -> list[str]:
    wrong = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in case.files:
            continue
        if result.exit_code or name not in case.outputs:
            wrong.append(f"left behind: {name!r}")
    return wrong


def _passed(result: Result) -> list[tuple[str, str, int]]:
    """File, function and line of the package's that the error came through, from its first cause on."""
    passed: list[tuple[str, str, int]] = []
    error = _cause(result)
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            _, inside, file = frame.filename.rpartition("/mdlcodec/")
            if inside:
                passed.append((file, frame.name, frame.lineno or 0))
        error = error.__cause__ if error.__cause__ is not error else None  # raised again from itself
    return passed


def _site(result: Result) -> str:
    """Where it was refused."""
    passed = _passed(result)
    return f"{passed[-1][0]}:{passed[-1][2]}" if passed else ""


def _stage(result: Result) -> str:
    """How far it came."""
    if result.exit_code == 0:
        return "done"
    passed = _passed(result)
    functions, files = {name for _, name, _ in passed}, {file for file, _, _ in passed}
    line = str(_cause(result))
    if "read_frame" in functions:
        return "frame"
    if functions & {"check_limits", "check_memory", "spend"}:
        return "limits"
    if "matching" in functions:
        return "inputs"
    if any(file == "files/checkpoints.py" for file in files):
        return "checkpoint"
    if "digests differ" in line:
        return "digest"
    if functions & {"decode", "decode_network"} and any(
        file.startswith(("codes/", "predictors/", "descriptions/", "mixing/")) for file in files
    ):
        return "payload"
    if any(file.startswith("data/") for file in files):
        return "reader"
    return "header"


def _wrong_result(case: Case, folder: Path) -> list[str]:
    """Labels whose digest is another than the file's, tensors that the second decoder does not give."""
    import numpy as np

    from mdlcodec import container

    output = folder / "out.npy"
    if case.arguments[0] == "decode" and output.exists() and "f.mdl" in case.files:
        header, _ = container.read_label_file(case.files["f.mdl"])
        labels = np.load(io.BytesIO(output.read_bytes()), allow_pickle=False)
        if len(labels) != header.n:
            return [f"{len(labels)} labels, not {header.n}"]
        if header.grid is None:
            places = {value.tobytes(): i for i, value in enumerate(header.values)}
            classes = np.array([places[value.tobytes()] for value in labels.astype(header.values.dtype)])
            if container.label_digest(classes) != header.label_digest:
                return ["labels came out whose digest is another"]
    text = folder / "out"
    if text.exists():
        header = container.read_text_file(case.files["f.mdl"])[0]
        if container.text_digest(text.read_bytes()) != header.digest or text.stat().st_size != header.n:
            return ["another text came out"]
    if case.arguments[0] == "unpack" and "n.mdl" in case.files and len(case.files["n.mdl"]) < 400:
        return _differs(case.files["n.mdl"][4:-4], case.files["n.mdl"])
    return []


def _differs(section: bytes, blob: bytes) -> list[str]:
    """By formats/decoder/."""
    from mdlcodec.files import networks
    from mdlcodec.limits import Limits

    sys.path.insert(0, str(Path(__file__).parents[2] / "formats"))
    from decoder.network_section import decode_network

    tensors = networks.unpack(blob, Limits()).tensors
    if sum(tensor.patterns.size for tensor in tensors) > 3000:
        return []
    others = decode_network(section)
    ours = [(tensor.name, tensor.dtype.name, tensor.patterns.tobytes()) for tensor in tensors]
    if ours != [(name, kind, np_array.tobytes()) for name, kind, np_array in others]:
        return ["the second decoder gives other tensors"]
    return []
