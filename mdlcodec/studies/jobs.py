"""Files that are encoded and decoded side by side on cores, each decoded by another process than encoded
it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from mdlcodec.errors import MdlcodecError
from mdlcodec.report.parent import PARENT
from mdlcodec.report.strict_json import strict_json

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Job:
    """A file to be made; ``name``: of it; ``begin`` prepares it and gives the task (see studies.tasks; ``of``
    says which), ``end`` clears away."""

    name: str
    begin: Callable[[], dict[str, Any]]
    end: Callable[[], None] = lambda: None


class _Worker:
    """A process that does tasks one after another."""

    def __init__(self, threads: dict[str, str]) -> None:
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Starts the process, from the thread that asks it: on Linux it ends with that thread."""
        isolated = ["-P"] if sys.version_info >= (3, 11) else []
        self._process = subprocess.Popen(
            [sys.executable, *isolated, "-m", "mdlcodec.studies.worker"],
            env=dict(os.environ) | self._threads | {PARENT: str(os.getpid())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def ask(self, task: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
        """Its answer; ``tell`` is given what it says before that. Raises MdlcodecError where it fails, or the
        process ends."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer: dict[str, Any] = {"told": ""}
        with contextlib.suppress(OSError):
            self._process.stdin.write(strict_json(task) + "\n")
            self._process.stdin.flush()
            while set(answer) == {"told"}:
                line = self._process.stdout.readline()
                answer = json.loads(line) if line else {}
                if set(answer) == {"told"}:
                    tell(answer["told"])
        if not answer or set(answer) == {"told"}:
            raise MdlcodecError("a process that encodes or decodes was ended")
        if "failed" in answer:
            raise MdlcodecError(answer["failed"])
        return answer

    def end(self) -> None:
        """Ends the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()


@dataclass
class _Made:
    """A job whose file was encoded, by the worker of that number."""

    job: Job
    task: dict[str, Any]
    answer: dict[str, Any]
    worker: int


class _Queue:
    """What is left to do: files to encode, and encoded ones that another worker is to decode."""

    def __init__(self, jobs: Sequence[Job], at_once: int, workers: int) -> None:
        self._jobs, self._made, self._left = list(jobs), list[_Made](), len(jobs)
        self._running, self._at_once, self._workers = 0, at_once, workers
        self._changed = threading.Condition()

    def next(self, worker: int) -> Job | _Made | None:
        """Something for that worker, which waits for it; None once all is done."""
        with self._changed:
            while self._left:
                if self._running < self._at_once:
                    mine = next((made for made in self._made if made.worker != worker), None)
                    if mine is not None:
                        self._made.remove(mine)
                    # what is encoded is decoded first: only then does a study that is ended keep it
                    others_idle = self._running < self._workers - 1
                    if mine is not None or (self._jobs and not (self._made and others_idle)):
                        self._running += 1
                        return mine or self._jobs.pop(0)
                self._changed.wait()
            return None

    def ended(self, made: _Made | None = None) -> None:
        """A worker is free; ``made``: what it encoded, None after a file was decoded."""
        with self._changed:
            self._running -= 1
            if made is None:
                self._left -= 1
            else:
                self._made.append(made)
            self._changed.notify_all()

    def give_up(self) -> None:
        """Nothing is left to do."""
        with self._changed:
            self._left = 0
            self._changed.notify_all()


def _said(tell: Callable[[str], None], job: Job, text: str) -> None:
    tell(f"{job.name}: {text}")


def run_side_by_side(
    jobs: Sequence[Job],
    workers: int,
    *,
    one_thread: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job with what is known of it, as they end, ``workers`` at a time; with several workers each has
    one thread, and with ``one_thread`` always. ``tell`` is given what workers say meanwhile, with the job's
    name.

    Raises MdlcodecError of the first that fails, once the others were ended; so they are if the caller stops.
    """
    if not jobs:
        return
    at_once = min(workers, len(jobs))
    threads = _ONE_THREAD if at_once > 1 or one_thread else {}
    # two at least: no file is decoded by the process that encoded it
    processes = [_Worker(threads) for _ in range(max(2, at_once))]
    queue, ended = (
        _Queue(jobs, at_once, len(processes)),
        SimpleQueue[tuple[Job, dict[str, Any] | BaseException]](),
    )

    def work(number: int) -> None:
        processes[number].begin()
        while (todo := queue.next(number)) is not None:
            job = todo if isinstance(todo, Job) else todo.job
            said = partial(_said, tell, job)
            try:
                if isinstance(todo, Job):
                    task = todo.begin()
                    answer = processes[number].ask(task | {"do": "encode"}, said)
                    queue.ended(_Made(todo, task, answer, number))
                    continue
                answer = todo.answer | processes[number].ask(todo.task | {"do": "decode"}, said)
                job.end()
                ended.put((job, answer))
                queue.ended()
            except BaseException as error:
                job.end()
                ended.put((job, error))
                return

    running = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(processes))]
    for thread in running:
        thread.start()
    try:
        for _ in jobs:
            job, result = ended.get()
            if isinstance(result, MdlcodecError):
                raise MdlcodecError(f"{job.name}: {result}") from result
            if isinstance(result, BaseException):
                raise result
            yield job, result
    finally:
        queue.give_up()
        for process in processes:
            process.end()
        for thread in running:
            thread.join()
