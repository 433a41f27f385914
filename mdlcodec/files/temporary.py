"""Files and folders that are there only while a process works with them.

Each is locked for as long as its process lives, so that whatever ends a process leaves nothing for long: the next
one that needs such a file in the same folder removes those that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_FILE = re.compile(r"\.mdlcodec-[0-9a-f]{16}\.tmp")
_FOLDER = re.compile("mdlcodec-run-[0-9a-f]{16}")


@contextlib.contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """A new, empty file in ``folder``, with the permissions that any new file gets; it may be renamed, else it is
    removed. Raises OSError where none can be made."""
    _clear(folder, _FILE)
    with contextlib.ExitStack() as stack:
        while True:
            path = folder / f".mdlcodec-{secrets.token_hex(8)}.tmp"
            stack.callback(path.unlink, missing_ok=True)
            path.open("xb").close()
            if _held(path, stack):
                break
        yield path


def write_whole(path: Path, blob: bytes) -> None:
    """A file with these bytes in the place of any before, whole or not at all. Raises OSError."""
    with temporary_file(path.parent) as temporary:
        temporary.write_bytes(blob)
        os.replace(temporary, path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder where the system has temporary ones, which only this user can read."""
    parent = Path(tempfile.gettempdir())
    _clear(parent, _FOLDER)
    with contextlib.ExitStack() as stack:
        while True:
            path = parent / f"mdlcodec-run-{secrets.token_hex(8)}"
            stack.callback(shutil.rmtree, path, ignore_errors=True)
            path.mkdir(mode=0o700)
            if _held(path, stack):
                break
        yield path


def _held(path: Path, stack: contextlib.ExitStack) -> bool:
    """Lock what was just made until the stack ends; False if another process took it for left behind."""
    if sys.platform == "win32":  # which removes no file that is open; and nothing is cleared there
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody clears there either
        return True
    return path.exists()


def _clear(folder: Path, pattern: re.Pattern[str]) -> None:
    """Remove what processes of this user left behind in a folder when they were killed."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
                    _clear_one(entry.path)


def _clear_one(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(status.st_mode):
            os.unlink(path)
    finally:
        os.close(descriptor)
