"""Checkpoints: the state of a run in a file, from which the same run goes on after it was ended at any moment.

A file is the magic number, a version, the digest of the work that it belongs to (32 bytes), the SHA-256 of the rest
(32 bytes), the size of the content (8 bytes, lowest first), and the content as a zstandard frame: how many arrays
there are, of each its name, dtype and shape, then their elements. It is no format for exchange: another version of
it may hold other arrays. A file that is not whole, or of other work, is refused before anything is restored.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from typing_extensions import override

from mdlcodec.codes import Checkpoint, Encoded
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import DEFAULT_MEMORY, check_memory
from mdlcodec.saved import Saved, taken

VERSION = 1
_MAGIC = b"MDLSTATE"
_DIGEST_BYTES, _SIZE_BYTES = 32, 8
_HEAD_BYTES = len(_MAGIC) + 1 + 2 * _DIGEST_BYTES + _SIZE_BYTES
_DTYPES = tuple(np.dtype(name) for name in ("u1", "<i4", "<i8", "<u4", "<u8", "<f4", "<f8"))
_MOST_AXES = 8
_SECONDS = 30.0  # between two states that are written
_LEVEL = 1  # of zstandard: weights hardly shrink
_WINDOW = 1 << 27
_MORE = 1 << 24  # bytes that a file may have beyond what it holds
_AT_ONCE = 1 << 20
_MOST_ARRAYS = 1 << 14
_GOING_ON = "going on from the checkpoint takes"
_WRITING_SHARE = 20  # writing takes at most one part of so many of the time


def _is_empty(path: Path) -> bool:
    """Whether it is an empty file, as mktemp makes them, which holds no state yet."""
    return path.is_file() and path.stat().st_size == 0


def work_digest(*facts: object, data: tuple[bytes, ...] = ()) -> bytes:
    """The digest, 32 bytes, of what decides a run: facts whose ``repr`` says all of them, and data."""
    digest = hashlib.sha256(repr(facts).encode())
    for part in data:
        digest.update(hashlib.sha256(part).digest())
    return digest.digest()


def _seconds_wanted() -> float:
    """What MDLCODEC_CHECKPOINT_SECONDS says, or the default. Raises BadData for what is no time."""
    text = os.environ.get("MDLCODEC_CHECKPOINT_SECONDS") or None
    try:
        seconds = _SECONDS if text is None else float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < math.inf:
        raise BadData(f"MDLCODEC_CHECKPOINT_SECONDS is {text!r}; give a number of seconds, 0 or more")
    return seconds


class CheckpointFile(Checkpoint):
    """A checkpoint at a path. `bind` it to the work before it is used, and `finish` when its result is safe."""

    def __init__(self, path: str | os.PathLike[str], seconds: float | None = None) -> None:
        """seconds: at least so many pass between two states that are written; None: as the environment says.

        Raises BadData for what is no path.
        """
        try:
            self._path = Path(path)
        except TypeError as error:
            raise BadData(f"checkpoint is of type {type(path).__name__}; give the path of a file") from error
        self._least = self._seconds = _seconds_wanted() if seconds is None else seconds
        self._work, self._latest = b"", 0.0
        self._held: Saved | None = None
        self.beside: Callable[[], Saved] = dict  # what every state holds besides

    @property
    def resumed(self) -> bool:
        """Whether there was a state to go on from."""
        return self._held is not None

    def bind(self, work: bytes, most: int, spent: int = 0, memory: int = DEFAULT_MEMORY) -> None:
        """For work with that digest, whose state takes at most ``most`` bytes, and ``spent`` of ``memory`` besides.

        Raises BadData where nothing can be written and for a checkpoint of other work, CorruptFile for what is
        damaged or no checkpoint, Unsupported for a newer one, LimitExceeded where memory has no room for it.
        """
        folder = self._path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise BadData(f"no checkpoint can be written to the folder {str(folder)!r}; choose another")
        self._work, self._latest = work, time.monotonic()
        self._held = None
        if os.path.lexists(self._path) and not _is_empty(self._path):
            self._held = _read_content(self._content(most, spent, memory))

    @override
    def load(self) -> Saved | None:
        return self._held

    @override
    def due(self) -> bool:
        return time.monotonic() - self._latest >= self._seconds

    @override
    def save(self, saved: Saved) -> None:
        """Through a temporary file. Raises BadData where that cannot be written."""
        start = time.monotonic()
        content = _written_content({**saved, **self.beside()})
        frame = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
        rest = len(content).to_bytes(_SIZE_BYTES, "little") + frame
        head = _MAGIC + bytes([VERSION]) + self._work + _checksum(self._work, rest)
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            with open(part, "wb") as stream:
                stream.write(head)
                stream.write(rest)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise BadData(
                f"cannot write the checkpoint {str(self._path)!r}: {error.strerror}; make room, and start again"
            ) from error
        self._held, self._latest = None, time.monotonic()
        self._seconds = max(self._least, _WRITING_SHARE * (self._latest - start)) if self._least else 0.0

    def finish(self) -> None:
        """Removes the checkpoint, and what runs that were ended in the middle of writing left of one."""
        self._path.unlink(missing_ok=True)
        start = f"{self._path.name}."
        with suppress(OSError):
            for path in list(self._path.parent.iterdir()):
                name = path.name
                if name.startswith(start) and name.endswith(".part") and name[len(start) : -5].isdecimal():
                    path.unlink(missing_ok=True)

    def _content(self, most: int, spent: int, memory: int) -> bytearray:
        """The content of the file, checked. Raises as ``bind`` does."""
        name = repr(str(self._path))
        blob, rest = b"", b""
        if self._path.is_file():
            try:
                with open(self._path, "rb") as stream:
                    blob = stream.read(_HEAD_BYTES)
                    file_size = os.fstat(stream.fileno()).st_size
                    if blob.startswith(_MAGIC) and file_size <= most + _MORE:
                        check_memory(spent + file_size, memory, _GOING_ON)
                        rest = stream.read(file_size)
            except OSError as error:
                raise BadData(f"cannot read the checkpoint {name}: {error.strerror}") from error
        if not blob.startswith(_MAGIC):
            raise CorruptFile(f"{name} is no checkpoint of mdlcodec and stays as it is; choose another file")
        version = blob[len(_MAGIC)] if len(blob) > len(_MAGIC) else VERSION
        if version > VERSION:
            raise Unsupported(
                f"the checkpoint {name} is of version {version}, and this program reads {VERSION}: install the "
                "mdlcodec that wrote it, or remove it to start from the beginning"
            )
        reader = Reader(blob[len(_MAGIC) + 1 :])
        broken = CorruptFile(f"the checkpoint {name} is damaged; remove it to start from the beginning")
        if version != VERSION or not rest:
            raise broken
        work, checksum = reader.take(_DIGEST_BYTES), reader.take(_DIGEST_BYTES)
        size_stored = reader.rest()
        if _checksum(work, size_stored, rest) != checksum:
            raise broken
        if work != self._work:
            raise BadData(
                f"the checkpoint {name} is of other work: another command, or other inputs, labels, settings or "
                "files; choose another file, or remove it"
            )
        size = int.from_bytes(size_stored, "little")
        if size > most:
            raise broken
        check_memory(spent + len(rest) + size, memory, _GOING_ON)
        content = _inflated(rest, size)
        if content is None:
            raise broken
        return content


@contextmanager
def going_on(checkpoint: CheckpointFile | None) -> Iterator[None]:
    """CorruptFile where a state with a valid checksum that no run has written makes arithmetic impossible."""
    resumed = checkpoint is not None and checkpoint.resumed
    try:
        yield
    except (ArithmeticError, ValueError) as error:
        if not resumed:
            raise
        raise CorruptFile("the checkpoint is damaged; remove it to start from the beginning") from error


def coded_state(encoded: Encoded) -> Saved:
    """What is held once all labels are coded; of codes that transmit a network, nothing is held before."""
    known = {
        "bits": encoded.ideal_bits,
        "training error": encoded.training_error,
        "objective": encoded.objective_bits,
        "in vain": float(encoded.learned_in_vain),
    }
    numbers = {name: np.array(value, np.float64) for name, value in known.items() if value is not None}
    return {"payload": np.frombuffer(encoded.payload, np.uint8), **numbers}


def coded_before(checkpoint: CheckpointFile | None) -> Encoded | None:
    """What a checkpoint holds if all labels were coded. Raises CorruptFile."""
    held = None if checkpoint is None else checkpoint.load()
    if held is None or "payload" not in held:
        return None

    def number(name: str) -> float | None:
        most = np.finfo(np.float64).max
        return float(taken(held, name, np.float64, (), 0.0, most)[()]) if name in held else None

    payload = taken(held, "payload", np.uint8, (held["payload"].size,)).tobytes()
    bits = number("bits") or 0.0
    return Encoded(payload, bits, number("training error"), number("objective"), number("in vain") == 1.0)


def _checksum(work: bytes, *rest: bytes) -> bytes:
    digest = hashlib.sha256(work)
    for part in rest:
        digest.update(part)
    return digest.digest()


def _inflated(frame: bytes, size: int) -> bytearray | None:
    """The content of a frame, if it has that size; no more than that is ever held."""
    content, at = bytearray(size), 0
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(frame) as stream:
            while at < size and (part := stream.read(min(size - at, _AT_ONCE))):
                content[at : at + len(part)] = part
                at += len(part)
            more = stream.read(1)
    except zstandard.ZstdError:
        return None
    return None if at < size or more else content


def _written_content(saved: Saved) -> bytes:
    table, elements = [unsigned(len(saved))], []
    for name, array in saved.items():
        text = name.encode()
        table += [unsigned(len(text)), text, bytes([_DTYPES.index(array.dtype), array.ndim])]
        table += [unsigned(extent) for extent in array.shape]
        elements.append(array.tobytes())
    return b"".join(table + elements)


def _read_content(content: bytes | bytearray) -> Saved:
    """The arrays of a content, which lie in it; of no more elements than there are. Raises CorruptFile."""
    broken = CorruptFile("the checkpoint is damaged; remove it to start from the beginning")
    reader = Reader(content)  # type: ignore[arg-type]  # it takes what it is asked for
    entries: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = []
    try:
        count = reader.unsigned()
        if count > _MOST_ARRAYS:
            raise broken
        for _ in range(count):
            name = reader.take(reader.unsigned()).decode()
            kind, axes = reader.byte(), reader.byte()
            if kind >= len(_DTYPES) or axes > _MOST_AXES:
                raise broken
            entries.append((name, _DTYPES[kind], tuple(reader.unsigned() for _ in range(axes))))
        saved, at = {}, reader.position
        for name, dtype, shape in entries:
            elements = math.prod(shape)
            saved[name] = (
                np.frombuffer(content, dtype, elements, at).reshape(shape)
                if elements
                else np.zeros(shape, dtype)
            )
            at += dtype.itemsize * elements
    except (CorruptFile, ValueError, OverflowError):
        raise broken from None
    if at != len(content) or len(saved) != len(entries):
        raise broken
    return saved
