"""A call in a thread of its own, whose OpenMP threads are new ones too.

libgomp keeps threads for each thread that asks for some. They have the processor's state of the time when they
began, and are gone in a forked process, which then waits for them for ever; a new thread gets others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def in_new_thread(function: Callable[..., _Result], *arguments: Any, **named: Any) -> _Result:
    """function(*arguments, **named), and what it raises."""
    results: list[_Result] = []
    errors: list[BaseException] = []
    context = copy_context()

    def work() -> None:
        try:
            results.append(context.run(function, *arguments, **named))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True, name="mdlcodec")
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return results.pop()
