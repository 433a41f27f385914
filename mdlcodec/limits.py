"""What encoding, decoding and unpacking may take, checked before anything is allocated or trained."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from mdlcodec.errors import BadData

_GIB = 2**30
DEFAULT_MEMORY = 8 * _GIB  # bytes


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
