"""What a worker tells of a task that it does: lines of text, which the process that asked for it is shown."""

from __future__ import annotations

from collections.abc import Callable

_tell: list[Callable[[str], None]] = []


def tell(text: str) -> None:
    """Said where a worker does this; elsewhere nobody listens."""
    for listener in _tell:
        listener(text)


def told_to(listener: Callable[[str], None]) -> None:
    """From now on what is told goes there."""
    _tell[:] = [listener]
