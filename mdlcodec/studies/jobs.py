"""Runs of the command line, side by side on cores, each in a process of its own that decodes what it wrote."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import MdlcodecError
from mdlcodec.report.fresh_process import PARENT, fresh_python

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Job:
    """A command that prints a JSON value; ``name``: of what it makes; ``begin`` prepares it and gives its
    arguments, ``end`` clears away."""

    name: str
    begin: Callable[[], Sequence[str]]
    end: Callable[[], None]


class _Processes:
    """Those that run now; all are ended together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock, self._ended = threading.Lock(), False

    def run(self, job: Job, environment: dict[str, str]) -> dict[str, Any]:
        """The JSON value that a job prints. Raises MdlcodecError with its last line if it fails."""
        try:
            return self._run(job, job.begin(), environment)
        finally:
            job.end()

    def _run(self, job: Job, arguments: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            if self._ended:
                raise MdlcodecError("ended before it began")
            process = subprocess.Popen(
                [*fresh_python(), *arguments],
                env=environment | {PARENT: str(os.getpid())},
                stdin=subprocess.PIPE,  # ends with this process, see cli.parent
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="backslashreplace",
            )
            self._running.add(process)
        try:
            out, err = _read(process)
        finally:
            with self._lock:
                self._running.discard(process)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if process.returncode:
            line = (err.strip().splitlines() or ["it was ended"])[-1]
            raise MdlcodecError(f"{job.name}: {line.removeprefix('mdlcodec: ')}")
        value: dict[str, Any] = json.loads(out)
        return value

    def end(self) -> None:
        """Ends them, and lets none begin."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()


def _read(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Both outputs to their ends; stdin stays open, for it would end the process."""
    assert process.stdout is not None
    assert process.stderr is not None
    told: list[str] = []
    reader = threading.Thread(target=lambda stream=process.stderr: told.append(stream.read()), daemon=True)
    reader.start()
    out = process.stdout.read()
    process.wait()
    reader.join()
    return out, "".join(told)


def run_side_by_side(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job with what it printed, as they end, ``workers`` at a time; with several workers each has one thread.

    Raises MdlcodecError of the first that fails, once the others were ended; so they are if the caller stops.
    """
    environment = dict(os.environ) | (_ONE_THREAD if workers > 1 and len(jobs) > 1 else {})
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[Job, dict[str, Any] | BaseException]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    processes = _Processes()

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = waiting.get_nowait()
                try:
                    ended.put((job, processes.run(job, environment)))
                except BaseException as error:
                    ended.put((job, error))
                    return

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            job, result = ended.get()
            if isinstance(result, BaseException):
                raise result
            yield job, result
    finally:
        processes.end()
        for thread in threads:
            thread.join()
