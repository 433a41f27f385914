"""Files that are read whole, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from mdlcodec.cli.signals import signals_deferred
from mdlcodec.cli.terminal import require_stdout
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported, WrongInputs
from mdlcodec.limits import DEFAULT_MEMORY, check_memory

MAX_FILE_BYTES = 2**32
_PART_BYTES = 2**24
_COPIES = 2  # of a file in memory, while its parts are put together
_COMPRESSION = re.compile(r"\.(gz|xz)$")


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except (CorruptFile, WrongInputs, Unsupported, LimitExceeded) as error:
        raise type(error)(f"{path}: {error}") from error


def read_file(path: str, memory: int = DEFAULT_MEMORY) -> bytes:
    """The bytes of a file of ours; of what is none, or too large to be one, no more than its beginning.

    Raises LimitExceeded for more than ``memory`` bytes.
    """
    from mdlcodec.container.frame import HEAD_BYTES, MAGIC

    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            blob = stream.read(HEAD_BYTES)
            if not blob.startswith(MAGIC):
                return blob  # whoever reads the frame says what is wrong
            parts = [blob]
            while size <= MAX_FILE_BYTES:
                check_memory(_COPIES * size, memory, "reading it takes")
                part = stream.read(_PART_BYTES)  # pipes have no size before
                if not part:
                    return b"".join(parts)
                parts.append(part)
                size = max(size, sum(map(len, parts)))
            raise CorruptFile(f"more than {MAX_FILE_BYTES:,} bytes are too many for an mdlcodec file")
    except OSError as error:
        raise BadData(f"cannot read {path!r}: {error.strerror}") from error


def stem(path: str) -> str:
    """A file's or folder's name without its ending, for the name of what is made of it."""
    name = _COMPRESSION.sub("", Path(path).resolve().name)
    return Path(name).stem or "labels"


class Output(Protocol):
    """Where the result goes."""

    def write(self, data: bytes) -> Path:
        """Put all the data aside; the path where it can be read until it goes to its place."""

    def write_by(self, writer: Callable[[Path], None]) -> Path:
        """As ``write``, of what is written to the path that it is given."""


class _OutputFile:
    def __init__(self, path: Path, force: bool) -> None:
        self._path, self._force = path, force
        self._temporary: Path | None = None

    def write(self, data: bytes) -> Path:
        # Not tempfile: the file gets the permissions that any new file gets.
        self._temporary = self._path.with_name(f".mdlcodec-{secrets.token_hex(8)}.tmp")
        with open(self._temporary, "xb") as stream:
            stream.write(data)
        return self._temporary

    def write_by(self, writer: Callable[[Path], None]) -> Path:
        self.write(b"")
        assert self._temporary is not None
        writer(self._temporary)
        return self._temporary

    def commit(self) -> None:
        assert self._temporary is not None
        with signals_deferred():
            if self._force:
                os.replace(self._temporary, self._path)
            else:
                self._claim()
                try:
                    os.replace(self._temporary, self._path)
                except OSError:
                    self._path.unlink()
                    raise
            self._temporary = None

    def _claim(self) -> None:
        """Create the file, unless another process was faster."""
        try:
            open(self._path, "xb").close()
        except FileExistsError as error:
            raise _exists(self._path) from error

    def clear(self) -> None:
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


class _StandardOutput:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "standard-output"

    def write(self, data: bytes) -> Path:
        self._path.write_bytes(data)
        return self._path

    def write_by(self, writer: Callable[[Path], None]) -> Path:
        writer(self._path)
        return self._path

    def commit(self) -> None:
        stream = sys.stdout.buffer
        with open(self._path, "rb") as data:
            shutil.copyfileobj(data, stream)
        stream.flush()


@contextlib.contextmanager
def open_output(path: str, *, force: bool, sources: list[str]) -> Iterator[Output]:
    """The output at a path, '-' being stdout, after checks that it can be written and is none of the sources.

    What was written is put in its place when the context ends well; when it does not, nothing is left behind.
    """
    output: _OutputFile | _StandardOutput
    with contextlib.ExitStack() as stack:
        if path == "-":
            require_stdout("choose a file with -o")
            output = _StandardOutput(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        else:
            output = _OutputFile(_checked(path, force, sources), force)
            stack.callback(output.clear)
        try:
            yield output
        except KeyboardInterrupt as error:
            raise type(error)(f"{str(error) or 'interrupted'}; nothing written") from error
        output.commit()


def _checked(path: str, force: bool, sources: list[str]) -> Path:
    target = Path(os.path.realpath(path))  # -f through a link replaces the file, not the link
    if not target.parent.is_dir():
        raise BadData(f"there is no folder {str(target.parent)!r}; create it, or choose another -o")
    if target.exists():
        if not target.is_file():
            raise BadData(f"{path!r} is not a regular file; choose another -o, or - for standard output")
        if any(os.path.exists(source) and os.path.samefile(source, target) for source in sources):
            raise BadData(f"{path!r} is read and would be overwritten; choose another -o")
        if not force:
            raise _exists(target)
    if not os.access(target.parent, os.W_OK):
        raise BadData(f"no files can be written to {str(target.parent)!r}; choose another -o")
    return target


def _exists(path: Path) -> MdlcodecError:
    return MdlcodecError(f"{str(path)!r} exists; choose another -o, or overwrite it with -f")
