"""Reading files that may be compressed, and folders, never more of them than a stated number."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.limits import check_reading, memory_of_readers, size

MAX_BYTES = 2**32
"""Most bytes a file may unpack to, and most bytes of one array."""

MAX_FILES = 2**22
"""Most files of one folder, and of all its folders together."""

_XZ_MEMORY = 2**27  # xz -9 needs 65 MiB; a hostile header may ask for 4 GiB
_CHUNK = 1 << 16
_AT_ONCE = 1 << 20  # so that what is read is not held twice
_NAMES_AT_ONCE = 4096
_BYTES_OF_A_NAME = 256  # of one of many in a folder, with its place in several lists


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class _Xz:
    """Reader of one or more xz streams whose dictionary is bounded (``lzma.open`` cannot bound it)."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decoder = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(
            format=lzma.FORMAT_XZ, memlimit=min(_XZ_MEMORY, max(1, memory_of_readers()))
        )

    def read(self, size: int, /) -> bytes:
        while True:
            fed = b""
            if self._decoder.eof:
                fed = self._decoder.unused_data.lstrip(b"\0")
                while not fed:
                    block = self._file.read(_CHUNK)
                    if not block:
                        return b""
                    fed = block.lstrip(b"\0")
                self._decoder = self._new()
            elif self._decoder.needs_input:
                fed = self._file.read(_CHUNK)
                if not fed:
                    raise EOFError("the xz stream is cut short")
            out = self._decoder.decompress(fed, max_length=size)
            if out:
                return out

    def close(self) -> None:
        self._file.close()


class _Bounded(io.RawIOBase):
    """Counts the bytes that come out and turns every way of failing into BadData."""

    def __init__(self, source: _Readable, name: str, limit: int) -> None:
        super().__init__()
        self._source, self._name, self._left = source, name, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        try:
            data = self._source.read(min(len(view), _AT_ONCE))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            reason = str(error).rstrip(".") or type(error).__name__
            allowed = memory_of_readers()
            if isinstance(error, lzma.LZMAError) and allowed < _XZ_MEMORY and "emory" in reason:
                raise LimitExceeded(
                    f"reading {quoted(self._name)} takes more memory than the limit of {size(allowed)}: its "
                    "dictionary is larger; allow it with --max-memory 128MiB (max_memory in Python)"
                ) from error
            raise BadData(f"cannot read {quoted(self._name)}: {reason}; is the file complete?") from error
        self._left -= len(data)
        if self._left < 0:
            raise BadData(f"{quoted(self._name)} unpacks to more bytes than are allowed; give less data")
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


def open_bounded(path: Path, limit: int = MAX_BYTES) -> BinaryIO:
    """Open ``path`` for reading bytes, unpacking ``.gz`` and ``.xz``.

    Raises BadData (now or while reading) when the file cannot be opened, is damaged, or yields more than
    ``limit`` bytes.
    """
    try:
        if path.is_char_device() or path.is_block_device():
            raise BadData(f"{quoted(path)} is a device, which has no end; copy the data into a file")
        if path.suffix == ".gz":
            source: _Readable = gzip.GzipFile(path, "rb")
        elif path.suffix == ".xz":
            source = _Xz(path)
        else:
            source = path.open("rb")
    except OSError as error:
        raise BadData(f"cannot open {quoted(path)}: {error.strerror or error}") from error
    return io.BufferedReader(_Bounded(source, str(path), limit), _CHUNK)


def list_bounded(folder: str | Path, limit: int = MAX_FILES) -> list[str]:
    """Names of what is in ``folder``, in the order of their code points.

    Raises BadData when the folder cannot be read or holds more than ``limit`` names, LimitExceeded for more than
    memory has room for.
    """
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if not len(names) % _NAMES_AT_ONCE:
                    check_reading(_BYTES_OF_A_NAME * len(names), f"the folder {quoted(folder)}")
                if len(names) > limit:
                    raise BadData(f"{quoted(folder)} holds more files than are allowed; give less data")
    except OSError as error:
        raise BadData(f"cannot read the folder {quoted(folder)}: {error.strerror or error}") from error
    return sorted(names)
