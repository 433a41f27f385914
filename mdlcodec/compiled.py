"""numba's `njit`, and a cache of what it compiled that holds for these very sources.

numba's own cache does not see changes in what a function calls, and reads damaged files as if they were whole.
This one is a folder named after a digest of the package's sources and of what compiles them, with one file for
each function. Processes may share it: files appear whole or not at all, and whatever is missing or damaged is
compiled again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import re
import secrets
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import zstandard
from numba.core import compiler, config
from numba.core.serialize import dumps

from mdlcodec.errors import Unsupported

if config.DISABLE_JIT:
    raise Unsupported("numba compiles nothing, as NUMBA_DISABLE_JIT says; unset it")

_PACKAGE = Path(__file__).parent
# what changes machine code and is not in the keys below
_SETTINGS = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")
_NAME = re.compile("mdlcodec-[0-9a-f]{16}")
# folders that no compiled function elsewhere calls into (import-linter): a change there concerns their own alone
_ALONE = ("api", "bounds", "cli", "observe", "report", "sender", "studies")
# of other digests: checkouts and interpreters that take turns keep theirs, a developer's edits do not pile up
_FOLDERS_KEPT = 8
_DAY = 86400


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba's njit for functions of this package; with ``cache`` they are compiled once for all processes."""

    def decorated(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache:
            dispatcher._cache = _Cache(function)
        return dispatcher

    return decorated


def sources_digest(whole: bool = False) -> str:
    """A digest of everything that machine code follows from, but for the processor and the types of arguments.

    whole: with the folders in _ALONE, for the functions in them.
    """
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    settings = [f"{name}={getattr(config, name, None)}" for name in _SETTINGS]
    digest = hashlib.sha256("\0".join([*versions, *settings]).encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE)
        if whole or name.parts[0] not in _ALONE:
            with contextlib.suppress(OSError):  # an editor's lock, say, which Python cannot read either
                source = path.read_bytes()
                digest.update(f"\0{name.as_posix()}\0{len(source)}\0".encode())
                digest.update(source)
    return digest.hexdigest()[:16]


@functools.cache
def _whole_digest() -> str:
    """Of this process, whose sources are checked before it is of use."""
    return sources_digest(whole=True)


def _stamps() -> tuple[tuple[int, int], ...]:
    """When each source was changed, and its size."""
    stamps = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        with contextlib.suppress(OSError):
            status = path.stat()
            stamps.append((status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def _check_sources() -> None:
    """Before what was compiled is read or kept: if sources changed since the digest was taken, that says nothing of
    the modules imported after it, and this process goes on without the cache."""
    global _unchecked
    if _unchecked:
        _unchecked = False
        if (_read or _write) and _stamps() != _STAMPS:
            _read.clear()
            _write.clear()


def users_folder() -> Path:
    """Where the platform has caches of the user's programs; a relative path if nobody knows."""
    if sys.platform == "win32":
        named, default = os.environ.get("LOCALAPPDATA"), "~/AppData/Local"
    elif sys.platform == "darwin":
        named, default = None, "~/Library/Caches"
    else:
        named, default = os.environ.get("XDG_CACHE_HOME"), "~/.cache"
    return Path(named if named and os.path.isabs(named) else os.path.expanduser(default)) / "mdlcodec"


def _folders() -> list[Path]:
    """The user's choice alone, or else beside the sources and then the user's own: all are read, one is written."""
    if not (_PACKAGE / "compiled.py").is_file():  # imported from an archive, say: the digest is of nothing
        return []
    if config.CACHE_DIR:
        bases = [Path(config.CACHE_DIR).absolute()]
    else:
        bases = [base for base in (_PACKAGE / "__pycache__", users_folder()) if base.is_absolute()]
    return [base / f"mdlcodec-{_DIGEST}" for base in bases]


class _Cache:
    """What numba's dispatchers ask for a function's machine code; in place of numba's FunctionCache.

    A file holds the SHA-256 of what follows: machine code by signature and processor, pickled, as a zstandard
    frame, since tables of constants make it twenty times as large.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if function.__closure__ is not None:  # the same source would have more than one meaning
            raise ValueError(f"{function.__qualname__} cannot be cached: it uses variables around it")
        global _unchecked
        _unchecked = True
        line = str(function.__code__.co_firstlineno)
        parts = [f"{function.__module__}.{function.__qualname__}", line]
        self._whole = function.__module__.split(".")[1] in _ALONE
        self._digest = _whole_digest() if self._whole else _DIGEST
        if self._whole:
            parts.append(self._digest)
        self._name = re.sub("[<>]", "", f"{'-'.join(parts)}.nbc")

    @property
    def cache_path(self) -> str | None:
        """For numba's statistics."""
        return str(_read[0]) if _read else None

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Compiled before for that signature, or None."""
        _check_sources()
        for folder in _read:
            # whatever is missing, damaged, or strange to this version of numba is compiled again
            with contextlib.suppress(Exception):
                target.refresh()
                code = self._entries(folder)[signature, target.codegen().magic_tuple()]
                rebuilt = compiler.CompileResult._rebuild(target, *pickle.loads(code))
                _mark_used(folder)
                return rebuilt
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keeps what was compiled, where that is possible."""
        # a checkout that changed while this process ran: nobody knows which of its sources this came from
        if not _write or sources_digest(self._whole) != self._digest:
            return
        try:
            if compiled.lifted or compiled.library.has_dynamic_globals:  # addresses of this process
                return
            key, code = (signature, compiled.codegen.magic_tuple()), dumps(compiled._reduce())
        except Exception:  # a version of numba that is other inside: it does without
            return
        while _write:
            try:
                # of two processes that do this at once, one's entry may be lost, and is compiled again
                body = zstandard.compress(dumps({**self._entries(_write[0]), key: code}))
                _write_whole(_write[0] / self._name, hashlib.sha256(body).digest() + body)
                return
            except OSError as error:
                _give_up(_write.pop(0), error)

    def enable(self) -> None:
        """Nothing to do: it is."""

    def disable(self) -> None:
        """Nothing to do: nobody asks for it."""

    def flush(self) -> None:
        """Forgets the function."""
        for folder in _read:
            with contextlib.suppress(OSError):
                (folder / self._name).unlink()

    def _entries(self, folder: Path) -> dict[Any, bytes]:
        """What the file holds; nothing if there is none, or a damaged one."""
        with contextlib.suppress(Exception):  # whatever is wrong with it, it is written anew
            content = (folder / self._name).read_bytes()
            body = content[32:]
            if hashlib.sha256(body).digest() == content[:32]:
                entries: dict[Any, bytes] = pickle.loads(zstandard.decompress(body))
                return entries
        return {}


def _give_up(folder: Path, error: OSError) -> None:
    """Once no folder is left, say so; in one line, as functions that wait to be compiled are many."""
    if not _write:
        warnings.warn(
            f"cannot keep compiled functions in {str(folder)!r} ({error.strerror or error}): every run compiles "
            "them again; NUMBA_CACHE_DIR chooses another folder for this cache",
            RuntimeWarning,
            stacklevel=3,
        )


def _write_whole(path: Path, content: bytes) -> None:
    """Makes or replaces a file in one step; OSError if its folder cannot be written to."""
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(parents=True)
        _clear(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        with contextlib.suppress(PermissionError):  # Windows: another process reads or writes that file now
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _clear(folder: Path) -> None:
    """Removes folders of other digests, least recently used first; a process that uses one compiles again."""
    with contextlib.suppress(OSError):  # another process clears too
        others = [
            (other.stat().st_mtime, other)
            for other in folder.parent.iterdir()
            if other != folder and _NAME.fullmatch(other.name)
        ]
        for used, other in sorted(others, reverse=True)[_FOLDERS_KEPT:]:
            if used < time.time() - _DAY:
                shutil.rmtree(other, ignore_errors=True)


def _mark_used(folder: Path) -> None:
    """The folder's time of change is when a process last used it."""
    if folder not in _used:
        _used.add(folder)
        with contextlib.suppress(OSError):
            os.utime(folder)


# now and not when a function is first called: the modules are imported now, and may change until then
_STAMPS = _stamps()
_DIGEST = sources_digest()
_unchecked = False  # whether a function came after the last look at the sources
_read = _folders()
_write = list(_read)
_used: set[Path] = set()
