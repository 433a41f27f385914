"""Files that are read whole, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from mdlcodec.cli.signals import signals_deferred
from mdlcodec.cli.terminal import require_stdout
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported, WrongInputs
from mdlcodec.files.temporary import temporary_file, temporary_folder
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
    def __init__(self, path: Path, force: bool, stack: contextlib.ExitStack) -> None:
        self._path, self._force, self._stack = path, force, stack
        self._temporary: Path | None = None

    def write(self, data: bytes) -> Path:
        self._temporary = self._stack.enter_context(temporary_file(self._path.parent))
        self._temporary.write_bytes(data)
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

    def _claim(self) -> None:
        """Create the file, unless another process was faster."""
        try:
            open(self._path, "xb").close()
        except FileExistsError as error:
            raise _exists(self._path) from error


class _Stream:
    def __init__(self, stream: BinaryIO, name: str, folder: Path) -> None:
        self._stream, self._name, self._path = stream, name, folder / "stream"

    def write(self, data: bytes) -> Path:
        self._path.write_bytes(data)
        return self._path

    def write_by(self, writer: Callable[[Path], None]) -> Path:
        writer(self._path)
        return self._path

    def commit(self) -> None:
        with open(self._path, "rb") as data:
            try:
                self._stream.flush()
                # unbuffered: what fails would be written again at exit
                unbuffered = getattr(self._stream, "raw", self._stream)
                while part := data.read(_PART_BYTES):
                    _write_all(unbuffered, part)
            except BrokenPipeError:  # whoever read it has seen enough
                raise
            except OSError as error:
                raise MdlcodecError(
                    f"{self._name} cannot be written to ({error.strerror}); choose another -o"
                ) from error


def _write_all(stream: BinaryIO, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[stream.write(view) or 0 :]


def is_stdout(path: str | None) -> bool:
    """Whether a path names standard output: '-', /dev/stdout, or what leads to the same file, pipe or device."""
    if path == "-":
        return True
    try:
        return path is not None and os.path.samestat(os.stat(path), os.fstat(1))
    except OSError:
        return False


def is_stream(path: str | None) -> bool:
    """Whether it is written to from front to back: standard output, a pipe, a device."""
    if path is None or is_stdout(path):
        return path is not None
    try:
        return _is_stream(os.stat(path).st_mode)
    except OSError:
        return False


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@contextlib.contextmanager
def open_output(path: str, *, force: bool, sources: list[str]) -> Iterator[Output]:
    """The output at a path, '-' being stdout, after checks that it can be written and is none of the sources, nor a
    file that is read with them.

    What was written is put in its place when the context ends well; when it does not, nothing is left behind.
    Pipes and devices are opened at once, and written to at the end.
    """
    output: _OutputFile | _Stream
    with contextlib.ExitStack() as stack:
        if is_stdout(path):
            require_stdout("choose a file with -o")
            output = _Stream(sys.stdout.buffer, "standard output", stack.enter_context(temporary_folder()))
        elif is_stream(path):
            stream = stack.enter_context(_opened(path))
            output = _Stream(stream, repr(path), stack.enter_context(temporary_folder()))
        else:
            output = _OutputFile(_checked(path, force, sources), force, stack)
        try:
            yield output
        except KeyboardInterrupt as error:
            raise type(error)(f"{str(error) or 'interrupted'}; nothing written") from error
        output.commit()


def _opened(path: str) -> BinaryIO:
    """A pipe or device to write to."""
    try:
        # a pipe that nobody reads from would be waited for without end
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    except OSError as error:
        why = "nobody reads from it" if error.errno == errno.ENXIO else error.strerror
        raise BadData(f"{path!r} cannot be written to ({why}); choose another -o") from error
    os.set_blocking(descriptor, True)
    return open(descriptor, "wb", buffering=0)  # type: ignore[return-value]  # a RawIOBase writes too


def _checked(path: str, force: bool, sources: list[str]) -> Path:
    target = Path(os.path.realpath(path))  # -f through a link replaces the file, not the link
    if not target.parent.is_dir():
        raise BadData(f"there is no folder {str(target.parent)!r}; create it, or choose another -o")
    try:
        status = target.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BadData(f"{path!r} cannot be written ({error.strerror}); choose another -o") from error
    else:
        if not stat.S_ISREG(status.st_mode):
            raise BadData(f"{path!r} is not a regular file; choose another -o, or - for standard output")
        if is_read(status, sources):
            raise BadData(f"{path!r} is read and would be overwritten; choose another -o")
        if not force:
            raise _exists(target)
    try:
        with temporary_file(target.parent):
            pass
    except OSError as error:
        raise BadData(
            f"no files can be written to {str(target.parent)!r} ({error.strerror}); choose another -o"
        ) from error
    return target


def is_read(status: os.stat_result, sources: list[str]) -> bool:
    """Whether a file, by any of its names, is one of the sources, lies in one, or is read with one by its name."""
    file = status.st_dev, status.st_ino
    return any(
        (other.st_dev, other.st_ino) == file for source in sources for other in _files_read(Path(source))
    )


def _files_read(source: Path) -> Iterator[os.stat_result]:
    """Of the files that reading ``source`` may open."""
    with contextlib.suppress(OSError):
        status = source.stat()
        if stat.S_ISDIR(status.st_mode):
            yield from _files_in(str(source))
            return
        yield status
        # IDX labels lie beside their images, and test examples beside those that are coded
        if "idx" in source.name or source.suffix == ".bin":
            with os.scandir(source.absolute().parent) as entries:
                for entry in entries:
                    if "idx" in entry.name or entry.name.endswith(".bin"):
                        with contextlib.suppress(OSError):
                            yield entry.stat()


def _files_in(folder: str) -> Iterator[os.stat_result]:
    """All files in a folder and the folders in it, links followed."""
    waiting, seen = [folder], set()
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if not stat.S_ISDIR(status.st_mode):
                        yield status
                    elif (status.st_dev, status.st_ino) not in seen:
                        seen.add((status.st_dev, status.st_ino))
                        waiting.append(entry.path)


def _exists(path: Path) -> MdlcodecError:
    return MdlcodecError(f"{str(path)!r} exists; choose another -o, or overwrite it with -f")
