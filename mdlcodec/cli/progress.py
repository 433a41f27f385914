"""Progress on stderr: labels done, bits so far, bits a label, time left."""

from __future__ import annotations

import shutil
import sys
import time

from mdlcodec.cli.terminal import duration, printable, say, show

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 10.0
# no guess of the time left before a twentieth is done: the first labels take the longest, and numba compiles
_TOO_EARLY = 20


class ProgressLine:
    """One line that is redrawn on a terminal; elsewhere a line every ten seconds; nothing when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = 0  # columns of the terminal's line that are in use
        self._latest = time.monotonic()
        self._first: tuple[float, int] | None = None  # time of the first report, and labels done by then

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        self._clear()

    def coded(self, what: str, done: int, n: int, bits: float, unit: str = "label") -> None:
        """So many of n labels, or of what ``unit`` says, are done, in so many bits."""
        now = time.monotonic()
        if self._first is None:  # the time before it went into starting up
            self._first = now, done
        if not self._due(now):
            return
        start, before = self._first
        left = ""
        if (done - before) * _TOO_EARLY > n:
            left = f", {duration((now - start) / (done - before) * (n - done))} left"
        self.show(
            f"{what}: {done:,} of {n:,} {unit}s, {bits:,.0f} bits, {bits / done:.3f} bits a {unit}{left}"
        )

    def elements(self, what: str, done: int, total: int | None) -> None:
        """So many elements of a network, or examples, are done; how many there are may not be known."""
        self.stage(what, f"{done:,}" if total is None else f"{done:,} of {total:,}")

    def stage(self, what: str, stage: str) -> None:
        """What is done before any label."""
        if self._due(time.monotonic()):
            self.show(f"{what}: {stage}")

    def show(self, text: str) -> None:
        """Show a line, on a terminal in the place of the one before."""
        if self._quiet:
            return
        if self._terminal:
            text = printable(text)[: shutil.get_terminal_size().columns - 1]  # a second line would stay
            show("\r" + text.ljust(self._shown))
            self._shown = len(text)
        else:
            say(text)

    def show_passing(self, text: str) -> None:
        """Show on a terminal what the next line will take the place of."""
        if self._terminal:
            self.show(text)

    def _clear(self) -> None:
        """Take the line off the terminal."""
        if self._shown:
            show("\r" + " " * self._shown + "\r")
            self._shown = 0

    def _due(self, now: float) -> bool:
        if self._quiet or now - self._latest < (_REDRAW_SECONDS if self._terminal else _LINE_SECONDS):
            return False
        self._latest = now
        return True
