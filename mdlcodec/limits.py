"""What encoding, decoding and unpacking may take, checked before anything is allocated or trained."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

from mdlcodec.errors import BadData, LimitExceeded

_GIB = 2**30
DEFAULT_MEMORY = 8 * _GIB  # bytes


@dataclass(frozen=True)
class Cost:
    """What repeating a code takes, known before anything is allocated."""

    parameters: int
    steps: int  # optimiser steps, or rows of a factorisation
    memory: int  # bytes, estimated from above
    sets: int = 1  # score sets per example


@dataclass(frozen=True)
class Limits:
    """At most so many training steps, and so much ``memory`` in bytes."""

    steps: int = 10_000_000
    memory: int = DEFAULT_MEMORY

    @classmethod
    def given(cls, steps: int | None, memory: int | None) -> Limits:
        """These limits, and the default for None. Raises BadData for what is no integer, or below 0."""
        limits = cls(
            cls.steps if steps is None else integer(steps, "max_steps"),
            cls.memory if memory is None else integer(memory, "max_memory"),
        )
        for name, value in (("max_steps", limits.steps), ("max_memory", limits.memory)):
            if value < 0:
                raise BadData(f"{name} is {value}; give 0 or more")
        return limits


DEFAULT_LIMITS = Limits()


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


def check_limits(cost: Cost, limits: Limits) -> None:
    """Raise LimitExceeded for more steps or memory than are allowed."""
    if cost.steps > limits.steps:
        raise LimitExceeded(
            f"this takes {cost.steps:,} steps, more than the limit of {limits.steps:,}; "
            f"allow them with --max-steps {cost.steps} (max_steps in Python)"
        )
    if cost.memory > limits.memory:
        allowed = math.ceil(cost.memory / 2**20)
        raise LimitExceeded(
            f"this takes {size(cost.memory)} of memory, more than the limit of {size(limits.memory)}; "
            f"allow it with --max-memory {allowed}MiB (max_memory in Python)"
        )
