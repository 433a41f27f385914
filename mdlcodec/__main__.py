"""The program: ``mdlcodec``, or ``python -m mdlcodec``."""

from __future__ import annotations

import os
import signal
from types import FrameType


def run() -> None:
    """Run the command line; an interrupt is one line from the first moment on."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from mdlcodec.cli import main
    from mdlcodec.report.parent import end_with_parent

    end_with_parent()
    main(prog_name="mdlcodec")


def _end(number: int, frame: FrameType | None) -> None:
    """Before there is anything to clear away, and where an exception could be lost in an import."""
    try:
        os.write(2, b"mdlcodec: interrupted\n")
    finally:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()
