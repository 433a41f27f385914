"""safetensors: a JSON header with types, shapes and places, and the tensors' bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights.contract import Loaded
from mdlcodec.errors import BadData

ENDING = ".safetensors"
_METADATA = "__metadata__"
_LENGTH_BYTES = 8
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
    from safetensors import SafetensorError, deserialize

    try:
        described = dict(deserialize(data))
    except (SafetensorError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:160]
        raise BadData(f"cannot be read as safetensors ({reason}); is the file complete?") from error
    # the library has checked the header, but keeps one of two entries with one name, and no order
    size = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = data[_LENGTH_BYTES : _LENGTH_BYTES + size]
    entries: list[tuple[str, Any]] = json.loads(header, object_pairs_hook=list)
    names = [name for name, _ in entries if name != _METADATA]
    tensors = []
    for name in names:
        stored = described[name]
        try:
            tensors.append(
                Tensor.of_bytes(name, stored["dtype"], tuple(stored["shape"]), bytes(stored["data"]))
            )
        except (ValueError, OverflowError) as error:
            raise BadData(f"tensor {quoted(name)} has a shape that no array can have") from error
    notes = []
    if len(names) < len(entries):
        notes.append("the file's metadata (its __metadata__ entry) is no tensor and is left out")
    return Loaded(tensors, notes)


def write(tensors: Sequence[Tensor]) -> bytes:
    """The file, its tensors in the library's order (by size of element, then name); see Writer.write."""
    from safetensors import TensorSpec, serialize

    alive, specifications = [], {}
    for tensor in tensors:
        if tensor.name == _METADATA:
            raise BadData(
                f"a tensor named {_METADATA} cannot be written to safetensors, which keeps the name for itself; "
                "choose a name that ends in .npz"
            )
        patterns = tensor.patterns if sys.byteorder == "little" else tensor.patterns.byteswap()
        alive.append(patterns)  # the library reads it by its address
        specifications[tensor.name] = TensorSpec(
            dtype=_TYPES[tensor.dtype.name],
            shape=tensor.shape,
            data_ptr=patterns.ctypes.data,
            data_len=patterns.nbytes,
        )
    return bytes(serialize(specifications))
