"""Ranges of independent work on several threads. Every split gives the same result, so it changes no byte."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mdlcodec.exact.known_answers import NUMBERS, rounds_right
from mdlcodec.exact.processor_state import set_right, wrong_state
from mdlcodec.exact.shared_work import WRONG_STATE, new_job, stand_by

# multiply-adds below which another thread's share costs more than it saves
WORTH_A_THREAD = 1 << 21
# what handling one value costs, in multiply-adds
VALUE = 32
_PARTS = 2  # for each thread, so that one that is late or slow takes fewer
_PATIENCE = 1 << 19  # looks for work, about half a millisecond, before a thread sleeps


class _Crew:
    """Threads that take over parts of the work that one other thread offers."""

    def __init__(self, threads: int) -> None:
        self.fields = new_job()
        self.job = int(self.fields.ctypes.data)
        self.busy = threading.Lock()
        self._awake = threading.Event()
        for _ in range(threads):
            threading.Thread(target=self._stay, args=(self.fields,), daemon=True, name="mdlcodec").start()

    def _stay(self, fields: Any) -> None:
        # ``fields`` is an argument so that this thread keeps them alive
        while True:
            self._awake.wait()
            set_right()
            stand_by(self.job, _PATIENCE)
            self._awake.clear()

    def wake(self) -> None:
        """Calls the threads that sleep; it does not wait for them."""
        if not self._awake.is_set():
            self._awake.set()


def _number() -> int:
    from torch import get_num_threads  # here, as files are listed without it

    return get_num_threads()


class _Here(threading.local):
    """What this thread does."""

    alone = False  # one of several tasks, which has no other thread to offer parts to


_here = _Here()
_crews: dict[int, _Crew] = {}
_helpers: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_crews.clear)
os.register_at_fork(after_in_child=_helpers.clear)


def part_size(count: int, unit: int, cost: int) -> int:
    """Size of the ranges, a multiple of ``unit``, that ``count`` is worked on in; ``cost``: multiply-adds."""
    if cost < WORTH_A_THREAD:
        return max(count, unit)
    threads = min(_number(), 1 + cost // WORTH_A_THREAD)
    parts = 1 if threads <= 1 else _PARTS * threads
    return max(1, -(-count // (parts * unit))) * unit


def in_parts(
    kernel: Callable[..., None],
    shared: Callable[..., int],
    arguments: tuple[Any, ...],
    count: int,
    each: int,
) -> None:
    """kernel(*arguments, first, last) for ranges of ``each`` that cover 0..count.

    ``shared``: the function of numba that offers the kernel to other threads (`shared_work.share`). Raises
    RuntimeError when a part of the work raised, InexactComputation when a thread's state of the processor is wrong.
    """
    if each >= count or _here.alone or (threads := _number()) <= 1:
        kernel(*arguments, 0, count)
        return
    crew = _crews.get(threads)
    if crew is None:
        crew = _crews[threads] = _Crew(threads - 1)
    if not crew.busy.acquire(blocking=False):  # another thread of the caller's is here already
        for first in range(0, count, each):
            kernel(*arguments, first, min(count, first + each))
        return
    try:
        crew.wake()
        failed = shared(crew.job, count, each, *arguments)
    finally:
        crew.busy.release()
    if failed >= WRONG_STATE:
        raise wrong_state()
    if failed:
        raise RuntimeError(f"{failed} parts of the work raised an error")


def in_right_state(task: Callable[[Any], None]) -> Callable[[Any], None]:
    """The task for threads of our own: each call sets the state of the processor, and looks at it before and after.

    Raises InexactComputation where it is not that of formats/arithmetic.md.
    """

    def checked(item: Any) -> None:
        set_right()
        if not rounds_right(NUMBERS):
            raise wrong_state()
        task(item)
        if not rounds_right(NUMBERS):
            raise wrong_state()

    return checked


@dataclass(frozen=True)
class Chain:
    """A task that is run so many times, one after another."""

    task: Callable[[], None]
    times: int = 1


class _Waiting:
    """The chains of which no thread runs the task just now, for so many threads; nothing once they are fewer."""

    def __init__(self, chains: Sequence[Chain], threads: int) -> None:
        self._chains, self._ended, self._threads = chains, [0] * len(chains), threads
        self._free = [number for number, chain in enumerate(chains) if chain.times > 0]
        self._lock = threading.Lock()

    def next(self, ended: int | None) -> int | None:
        """The chain that has come least far, or None; ``ended``: the one whose task the thread has run."""
        with self._lock:
            if ended is not None:
                self._ended[ended] += 1
                if self._ended[ended] < self._chains[ended].times:
                    self._free.append(ended)
            if not self._free or len(self.left()) < self._threads:
                return None
            number = min(self._free, key=lambda i: (self._ended[i] / self._chains[i].times, i))
            self._free.remove(number)
            return number

    def left(self) -> list[Chain]:
        """What is left of the chains that have not come to their ends."""
        chains = zip(self._chains, self._ended, strict=True)
        return [Chain(chain.task, chain.times - ended) for chain, ended in chains if ended < chain.times]

    def give_up(self) -> None:
        """Nothing is run from now on."""
        self._chains = [Chain(chain.task, 0) for chain in self._chains]
        self._free.clear()


def chains_at_once(chains: int) -> int:
    """How many of so many chains `side_by_side` runs at a time, from a thread that runs none itself."""
    return min(chains, _number())


def side_by_side(chains: Sequence[Chain]) -> None:
    """Runs chains of tasks that share no result, each task on one thread, as many at a time as there are threads.

    Chains come to their ends together, if none is longer than a thread's share of all; what is left of a longer one
    has all threads for itself. Raises what one of the tasks raises, once none is running.
    """
    chains = [chain for chain in chains if chain.times > 0]
    threads = 1 if _here.alone else chains_at_once(len(chains))
    if threads <= 1:
        for chain in chains:
            for _ in range(chain.times):
                chain.task()
        return
    waiting = _Waiting(chains, threads)

    def work(_: None) -> None:
        _here.alone, number = True, waiting.next(None)
        try:
            while number is not None:
                chains[number].task()
                number = waiting.next(number)
        except BaseException:
            waiting.give_up()
            raise
        finally:
            _here.alone = False

    pool = _helpers.get(threads)
    if pool is None:
        pool = _helpers[threads] = ThreadPoolExecutor(threads - 1, "mdlcodec")
    helpers = [pool.submit(in_right_state(work), None) for _ in range(threads - 1)]
    try:
        work(None)
    finally:
        errors = [helper.exception() for helper in helpers]
    for error in errors:
        if error is not None:
            raise error
    side_by_side(waiting.left())
