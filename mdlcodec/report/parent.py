"""A process that verifies ends when the one that started it does, however that ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading

# the variable that holds the number of the process that started one; its stdin is a pipe that this one holds
PARENT = "MDLCODEC_PARENT"
_PR_SET_PDEATHSIG = 1


def end_with_parent(holds_stdin: bool = True) -> None:
    """Where a parent is named, see to it that this process does not outlive it; ``holds_stdin``: nothing else
    is read from there."""
    named = os.environ.pop(PARENT, None)
    if named is None:
        return
    if holds_stdin:
        threading.Thread(target=_wait_for_end, name="parent", daemon=True).start()
    if sys.platform == "linux":  # machine code holds up threads
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if str(os.getppid()) != named:  # it ended before that
            os._exit(1)


def _wait_for_end() -> None:
    """Until the pipe's other end is closed; nothing is ever written to it."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)
