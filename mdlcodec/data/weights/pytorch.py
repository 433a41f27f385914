"""PyTorch state dicts (.pt, .pth, .th, .bin), in its zip form and the form before that; nothing is unpickled
but what ``torch.load(weights_only=True)`` allows."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mdlcodec.data.dataset import quoted
from mdlcodec.data.npz import DAMAGE
from mdlcodec.data.tensor import Tensor
from mdlcodec.data.weights.contract import Loaded
from mdlcodec.errors import BadData

if TYPE_CHECKING:
    import torch

_TYPES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint64": "U64",
    "torch.uint32": "U32",
    "torch.uint16": "U16",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
}
_WRAPPERS = ("state_dict", "model")
_SAVE_AGAIN = "save model.state_dict()"


def recognises(data: bytes) -> bool:
    """Whether it is a zip archive (of numpy's, others are asked first) or a pickle."""
    return data.startswith(b"PK\3\4") or (data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5"))


def read(data: bytes, memory: int) -> Loaded:
    """The tensors of a state dict, or of one under 'state_dict' or 'model'; see Reader.read.

    Tensors that share memory are read one by one.
    """
    _check_storage(data, memory)
    held, where, notes = _load(data), "", []
    for _ in _WRAPPERS:  # one may hold the other; no deeper, since what a pickle holds can hold itself
        for wrapper in _WRAPPERS:
            if isinstance(held, Mapping) and isinstance(held.get(wrapper), Mapping):
                others = [quoted(key) for key in held if key != wrapper]
                if others:
                    shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
                    notes.append(f"beside {where}[{wrapper!r}], the file holds {shown}: left out")
                held, where = held[wrapper], f"{where}[{wrapper!r}]"
    if not isinstance(held, Mapping):
        raise BadData(f"holds an object of type {type(held).__name__}, no dict of tensors; {_SAVE_AGAIN}")
    size = 0
    for name, value in held.items():
        _check(name, value)
        size += value.numel() * value.element_size()
    if size > memory:
        raise BadData(f"its tensors take more than {memory} bytes; allow more with --max-memory")
    return Loaded([tensor_of(name, value) for name, value in held.items()], notes)


def _check_storage(data: bytes, memory: int) -> None:
    """Raise BadData for what may take more memory than the file (PyTorch's archives are not compressed)."""
    if b"bytearray" in data:  # the one global that weights_only calls with a size and that fills memory
        raise BadData(f"holds more than a dict of tensors (it needs builtins.bytearray); {_SAVE_AGAIN}")
    if not data.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except DAMAGE as error:
        raise BadData(f"cannot be read as a zip archive ({error}); is the file complete?") from error
    if any(info.compress_type != zipfile.ZIP_STORED for info in members):
        raise BadData(f"is compressed as PyTorch does not; {_SAVE_AGAIN} again")
    if sum(info.file_size for info in members) > memory:  # integers
        raise BadData(f"unpacks to more than {memory} bytes; allow more with --max-memory")


def _load(data: bytes) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the form before the zip form, about PyTorch's own insides
        try:
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file fails in any way
            raise BadData(
                f"is damaged, or holds more than a dict of tensors{_reason(error)}; {_SAVE_AGAIN} with torch.save"
            ) from error


def _reason(error: Exception) -> str:
    """What PyTorch says is wrong, without its advice to load the file unsafely."""
    text = str(error)
    needs = re.search(r"GLOBAL ([\w.]+)", text)
    if needs is not None:
        return f" (it needs {needs[1]})"
    first = ascii(text.strip().partition("\n")[0][:100])[1:-1]
    return f" ({first})" if first and "weights only" not in first.lower() else ""


def _check(name: object, value: object) -> None:
    import torch

    if not isinstance(name, str):
        raise BadData(f"has an entry whose name is of type {type(name).__name__}; {_SAVE_AGAIN}")
    if not isinstance(value, torch.Tensor):
        raise BadData(f"entry {quoted(name)} is of type {type(value).__name__}, no tensor; {_SAVE_AGAIN}")
    if value.layout != torch.strided or value.is_meta or str(value.dtype) not in _TYPES:
        kind = "without values" if value.is_meta else f"of {value.dtype}, {value.layout}"
        raise BadData(f"tensor {quoted(name)} is {kind}, which cannot be packed; give dense numbers")


def tensor_of(name: str, value: torch.Tensor) -> Tensor:
    """The tensor of a dense torch tensor of real numbers, wherever it is, strided as it may be.

    Raises BadData for other kinds.
    """
    import torch

    _check(name, value)
    dtype = _TYPES[str(value.dtype)]
    same_size = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[value.element_size()]
    plain = value.detach().to("cpu").resolve_neg().contiguous().view(same_size).numpy()
    little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    return Tensor.of_bytes(name, dtype, tuple(value.shape), little.tobytes())
