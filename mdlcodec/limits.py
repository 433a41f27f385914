"""What encoding, decoding and unpacking may take, checked before anything is allocated or trained.

Work is counted in operations: one is a multiply-add of an exact product, and what is no product counts as the
products that take about as long. Both sides derive it from the settings, in integers; seconds are this machine's.
"""

from __future__ import annotations

import contextlib
import functools
import math
import operator
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from mdlcodec.errors import BadData, LimitExceeded

_GIB = 2**30
DEFAULT_MEMORY = 8 * _GIB  # bytes
DEFAULT_WORK = 2 * 10**14  # operations of a receiver: about an hour on one core, two on a slow one
ANY_WORK = 10**18  # of a sender, who chose the preset: more than anybody waits for
EXPONENTIAL = 500  # operations that take as long as an exponential or a logarithm, and what goes with it
_allowed_to_readers: ContextVar[int] = ContextVar("_allowed_to_readers", default=DEFAULT_MEMORY)
_NUMBERS, _TIMES = 1 << 14, 16  # multiplied to see how fast this machine is
_WORTH_TRYING = 10**10  # operations of which people hardly notice ten times as many
_AS_FAST = 13.6  # operations while one float64 is multiplied


@dataclass(frozen=True)
class Cost:
    """What repeating a code takes, known before anything is allocated."""

    parameters: int
    work: int  # operations, estimated
    memory: int  # bytes, estimated from above
    sets: int = 1  # score sets per example


@dataclass(frozen=True)
class Limits:
    """At most so much ``work`` in operations, and so much ``memory`` in bytes."""

    work: int = DEFAULT_WORK
    memory: int = DEFAULT_MEMORY

    @classmethod
    def given(cls, work: int | None, memory: int | None) -> Limits:
        """A receiver's: these, and the default for None. Raises BadData for what is no integer, or below 0."""
        limits = cls(
            cls.work if work is None else integer(work, "max_work"),
            cls.memory if memory is None else integer(memory, "max_memory"),
        )
        for name, value in (("max_work", limits.work), ("max_memory", limits.memory)):
            if value < 0:
                raise BadData(f"{name} is {value}; give 0 or more")
        return limits

    @classmethod
    def of_sender(cls, work: int | None, memory: int | None) -> Limits:
        """A sender's, who may do what the preset asks for unless ``work`` says less. Raises as ``given`` does."""
        return cls.given(ANY_WORK if work is None else work, memory)


DEFAULT_LIMITS = Limits()
SENDER_LIMITS = Limits(work=ANY_WORK)


class Budget:
    """Work that is found out as it is done: spent bit by bit, each before it is done where that is known."""

    def __init__(self, work: int) -> None:
        self._left = self._allowed = work

    def spend(self, work: int) -> None:
        """Raises LimitExceeded for more than is left."""
        self._left -= work
        if self._left < 0:
            most = 10 * max(self._allowed, allowing(work), _WORTH_TRYING)
            raise LimitExceeded(
                f"this takes more than the limit of {self._allowed:,} operations, how many is known only once it "
                f"is done; allow more, such as --max-work {most} ({_how_long(most)}; max_work in Python)"
            )


def integer(value: object, name: str) -> int:
    """An argument as an integer; raises BadData for what is none."""
    try:
        return operator.index(value)  # type: ignore[arg-type]  # raises for what is none
    except TypeError as error:
        raise BadData(f"{name} is of type {type(value).__name__}; give an integer") from error


def size(count: float) -> str:
    """A number of bytes of memory as people say it."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


@functools.cache
def _operations_a_second() -> float:
    """This machine's, by a few milliseconds of one thread's own time. Decides nothing."""
    import numpy as np

    numbers, best = np.ones(_NUMBERS), math.inf
    products = np.empty_like(numbers)
    for _ in range(_TIMES):
        start = time.thread_time()
        for _ in range(_TIMES):
            np.multiply(numbers, numbers, out=products)  # reported only
        best = min(best, time.thread_time() - start)
    return _AS_FAST * _NUMBERS * _TIMES / max(best, 1e-9)


def seconds_of(work: int) -> float:
    """About how long this machine takes for so many operations; for people, nothing depends on it."""
    return work / _operations_a_second()


def _how_long(work: int) -> str:
    return f"about {max(1.0, seconds_of(work)):,.0f} s on this machine"


def allowing(work: int) -> int:
    """So many operations rounded up to two digits: what people are told to allow."""
    unit = 10 ** max(0, len(str(work)) - 2)  # integers
    return -(-work // unit) * unit


def check_limits(cost: Cost, limits: Limits) -> None:
    """Raise LimitExceeded for more work or memory than is allowed."""
    if cost.work > limits.work:
        raise LimitExceeded(
            f"this takes {cost.work:,} operations, {_how_long(cost.work)}, more than the limit of "
            f"{limits.work:,}; allow them with --max-work {allowing(cost.work)} (max_work in Python)"
        )
    check_memory(cost.memory, limits.memory)


def check_memory(needed: int, allowed: int, what: str = "this takes") -> None:
    """Raise LimitExceeded for more bytes than are allowed; ``what``: how the sentence starts."""
    if needed > allowed:
        texts = size(needed), size(allowed)
        if texts[0] == texts[1]:
            texts = f"{needed:,} bytes", f"{allowed:,} bytes"
        raise LimitExceeded(
            f"{what} {texts[0]} of memory, more than the limit of {texts[1]}; "
            f"allow it with --max-memory {-(-needed // 2**20)}MiB (max_memory in Python)"
        )


@contextlib.contextmanager
def readers_within(memory: int) -> Iterator[None]:
    """Within this, readers of inputs and what they are made into take at most so many bytes."""
    token = _allowed_to_readers.set(memory)
    try:
        yield
    finally:
        _allowed_to_readers.reset(token)


def check_reading(needed: int, what: str) -> None:
    """Raise LimitExceeded for more bytes than `readers_within` allows here; ``what`` is read, a name in quotes."""
    check_memory(needed, _allowed_to_readers.get(), f"reading {what} takes")


def memory_of_readers() -> int:
    """Bytes that readers may take here, as `readers_within` says."""
    return _allowed_to_readers.get()
