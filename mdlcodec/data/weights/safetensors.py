"""safetensors: a JSON header with types, shapes and places, and the tensors' bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights.contract import Loaded, check_number
from mdlcodec.errors import BadData
from mdlcodec.limits import check_memory

ENDING = ".safetensors"
_METADATA = "__metadata__"
_LENGTH_BYTES = 8
_COPIES = 2  # the file and the tensors
_HEADER_COPIES = 56  # a tensor without elements takes some fifty bytes of it
_TYPES = {  # the library's words where it writes
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}


def recognises(data: bytes) -> bool:
    """Whether a JSON object follows after the eight bytes of its length."""
    return data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"


def read(data: bytes, memory: int) -> Loaded:
    """The tensors in the header's order; see Reader.read. What they take is no more than the file."""
    size = min(int.from_bytes(data[:_LENGTH_BYTES], "little"), len(data))
    check_memory(_COPIES * len(data) + _HEADER_COPIES * size, memory, "reading it takes")
    from safetensors import SafetensorError, deserialize

    try:
        described = dict(deserialize(data))
    except (SafetensorError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:160]
        raise BadData(f"cannot be read as safetensors ({reason}); is the file complete?") from error
    # the library has checked the header, but keeps one of two entries with one name, and no order
    header = data[_LENGTH_BYTES : _LENGTH_BYTES + size]
    entries: list[tuple[str, Any]] = json.loads(header, object_pairs_hook=list)
    names = [name for name, _ in entries if name != _METADATA]
    check_number(len(names))
    tensors = []
    for name in names:
        stored = described[name]
        try:
            tensors.append(Tensor.of_bytes(name, stored["dtype"], tuple(stored["shape"]), stored["data"]))
        except (ValueError, OverflowError) as error:
            raise BadData(f"tensor {quoted(name)} has a shape that no array can have") from error
    notes = []
    if len(names) < len(entries):
        notes.append("the file's metadata (its __metadata__ entry) is no tensor and is left out")
    return Loaded(tensors, notes)


def write(tensors: Sequence[Tensor], path: Path) -> None:
    """The file, its tensors in the library's order (by size of element, then name); see Writer.write."""
    for tensor in tensors:
        if tensor.name == _METADATA:
            raise BadData(
                f"a tensor named {_METADATA} cannot be written to safetensors, which keeps the name for itself; "
                "choose a name that ends in .npz"
            )
    by_name = {tensor.name: tensor for tensor in tensors}
    header, start = {}, 0
    for name in _in_order(tensors):
        tensor = by_name[name]
        stop = start + tensor.patterns.nbytes
        entry = {"dtype": tensor.dtype.name, "shape": list(tensor.shape), "data_offsets": [start, stop]}
        header[name], start = entry, stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    with open(path, "wb") as stream:  # the library would hold all of it a second time
        stream.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for name in header:
            patterns = by_name[name].patterns
            little = patterns if sys.byteorder == "little" else patterns.byteswap()
            stream.write(little.reshape(-1).view(np.uint8).data)


def _in_order(tensors: Sequence[Tensor]) -> list[str]:
    """Names as the library puts them: asked of tensors without elements."""
    from safetensors import TensorSpec, serialize

    nothing = np.zeros(1, np.uint8)  # the library wants an address
    empty = {
        tensor.name: TensorSpec(
            dtype=_TYPES[tensor.dtype.name], shape=(0,), data_ptr=nothing.ctypes.data, data_len=0
        )
        for tensor in tensors
    }
    data = bytes(serialize(empty))
    header: dict[str, Any] = json.loads(data[_LENGTH_BYTES:])
    return list(header)
