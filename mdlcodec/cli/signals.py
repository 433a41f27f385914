"""Signals that end the program do so as exceptions, so that files and processes are cleared away."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which end a command as Ctrl-C does."""


_AGAIN_SECONDS = 0.05


@contextmanager
def signals_raised() -> Iterator[None]:
    """Signals that would end the program raise: SIGINT KeyboardInterrupt, SIGTERM and SIGHUP Terminated.

    Imports of compiled modules turn that into errors of their own, or drop it: it is raised all the same.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        _raise(number)

    def dropped(what: UnraisableHookArgs) -> None:
        if received and issubclass(what.exc_type, KeyboardInterrupt):
            threading.Timer(_AGAIN_SECONDS, signal.raise_signal, received[-1:]).start()
        else:
            hook(what)

    handlers = {number: signal.getsignal(number) for number in _ENDING}
    ignored = (signal.SIG_IGN, None)
    handlers = {number: handler for number, handler in handlers.items() if handler not in ignored}
    for number in handlers:
        signal.signal(number, stop)
    hook, sys.unraisablehook = sys.unraisablehook, dropped
    try:
        yield
    except Exception:
        if received:
            _raise(received[0])
        raise
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated("terminated")


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Within this, what signals raise waits for the end."""
    waiting: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    handlers = {number: signal.getsignal(number) for number in _ENDING}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in waiting:
            signal.raise_signal(number)
