"""PyTorch's two forms of a file, the zip archive and the one before it: what is described, and its storages."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mdlcodec.data.npz import DAMAGE, open_archive
from mdlcodec.data.weights.pickled import Call, Name, NotUnderstood, Persistent, read_pickle
from mdlcodec.errors import BadData
from mdlcodec.limits import readers_within

_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLE = "data.pkl"
_PROGRAM = "constants.pkl"  # that only TorchScript's archives have
_MOST_STORAGES = 1 << 20
_LENGTH_BYTES = 8
ELEMENT_TYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "UntypedStorage": "U8",
}
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}  # others: 1
_OTHER_BYTES = {"ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt32Storage": 4}


@dataclass(frozen=True, eq=False)
class Storage:
    """Which bytes a tensor lies in: ``kind`` is PyTorch's class, ``first`` where a view of it starts."""

    key: str
    kind: str
    first: int


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What the file describes; ``stored``: the bytes of a storage by its key; ``order``: of their numbers."""

    content: Any
    stored: Callable[[str], bytes]
    order: str  # < or >
    scripted: bool  # whether it is TorchScript


def storage_of(described: object) -> Storage:
    """The storage that a tensor names. Raises NotUnderstood."""
    identifier = described.identifier if isinstance(described, Persistent) else None
    if (
        not isinstance(identifier, tuple)
        or len(identifier) < 5
        or identifier[0] not in ("storage", b"storage")
    ):
        raise NotUnderstood("a tensor has no storage")
    kind, key = identifier[1], identifier[2]
    if not isinstance(kind, Name) or not isinstance(key, str):
        raise NotUnderstood("a storage has no name")
    view = identifier[5] if len(identifier) > 5 else None
    first = view[1] if isinstance(view, tuple) and len(view) == 3 else 0
    if type(first) is not int or first < 0:
        raise NotUnderstood("a storage starts nowhere")
    return Storage(key, kind.path.rpartition(".")[2], first)


def read_archive(data: bytes, memory: int) -> Checkpoint:
    """A checkpoint in a zip archive. Raises BadData, NotUnderstood, and what zipfile raises for damage."""
    try:
        with readers_within(memory - len(data)):
            archive = open_archive(io.BytesIO(data), "the archive")
    except DAMAGE as error:
        raise BadData(f"cannot be read as a zip archive ({error}); is the file complete?") from error
    members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name.rpartition("/")[2] == _PICKLE]
    if len(pickles) != 1:
        raise NotUnderstood("its archive is not as PyTorch writes it")
    folder = pickles[0][: -len(_PICKLE)]
    scripted = f"{folder}{_PROGRAM}" in members
    read = [info for name, info in members.items() if not name.startswith(f"{folder}code/") or not scripted]
    if any(info.compress_type != zipfile.ZIP_STORED for info in read):
        raise BadData("is compressed as PyTorch does not; save model.state_dict() again")
    if sum(info.file_size for info in read) > memory:  # integers
        raise BadData(f"unpacks to more than {memory} bytes; allow more with --max-memory")
    if f"{folder}version" not in members:
        raise NotUnderstood("its archive is not as PyTorch writes it")
    order = ">" if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") == b"big" else "<"
    held: dict[str, bytes] = {}

    def stored(key: str) -> bytes:
        if key not in held:
            if f"{folder}data/{key}" not in members:
                raise NotUnderstood("a storage is missing")
            held[key] = archive.read(f"{folder}data/{key}")
        return held[key]

    content = read_pickle(io.BytesIO(archive.read(pickles[0])), memory)
    return Checkpoint(content, stored, order, scripted)


def read_stream(data: bytes, memory: int) -> Checkpoint:
    """A checkpoint of the form before zip: pickles, then each storage behind its length. Raises NotUnderstood."""
    stream = io.BytesIO(data)
    first = read_pickle(stream, memory)
    if first != _MAGIC:
        if isinstance(first, Call):
            return Checkpoint(first, _nothing_stored, "<", False)
        raise BadData(
            "is a pickle that torch.save did not write; save the weights with torch.save, or np.savez"
        )
    read_pickle(stream, memory)  # the protocol
    system = read_pickle(stream, memory)
    persistent: list[Persistent] = []
    content = read_pickle(stream, memory)
    _storages_in(content, persistent)
    sizes = {}
    for described in persistent:
        storage = storage_of(described)
        name = ELEMENT_TYPES.get(storage.kind, "")
        sizes[storage.key] = _OTHER_BYTES.get(storage.kind, _BYTES.get(name, 1))
    held = {}
    for key in _keys(read_pickle(stream, memory)):
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        size = length * sizes.get(key, 1)
        start = stream.tell()
        held[key] = data[start : start + size]
        if len(held[key]) != size:
            raise NotUnderstood("its storages end early")
        stream.seek(start + size)

    def stored(key: str) -> bytes:
        if key not in held:
            raise NotUnderstood("a storage is missing")
        return held[key]

    little = system.get("little_endian", True) if isinstance(system, dict) else True
    return Checkpoint(content, stored, "<" if little else ">", False)


def _nothing_stored(key: str) -> bytes:
    raise NotUnderstood(f"there is no storage {key[:40]}")


def _keys(listed: object) -> list[str]:
    if not isinstance(listed, list) or len(listed) > _MOST_STORAGES:
        raise NotUnderstood("its storages are not listed")
    if not all(isinstance(key, str) for key in listed) or len(set(listed)) != len(listed):
        raise NotUnderstood("its storages are not listed")
    return listed


def _storages_in(content: object, persistent: list[Persistent]) -> None:
    """Collect all that lies outside of what is described, each object looked at once."""
    seen, left = {id(content)}, [content]
    while left:
        value = left.pop()
        inner: list[Any] = []
        if isinstance(value, Persistent):
            persistent.append(value)
        elif isinstance(value, dict):
            inner = list(value.values())
        elif isinstance(value, list | tuple):
            inner = list(value)
        elif isinstance(value, Call):
            inner = [value.arguments, value.state]
        for item in inner:
            if id(item) not in seen:
                seen.add(id(item))
                left.append(item)
