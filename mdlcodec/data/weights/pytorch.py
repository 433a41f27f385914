"""PyTorch checkpoints (.pt, .pth, .th, .bin), in the zip form and the form before that, of any pickle protocol.

Nothing is unpickled: what a file describes is read (`pickled`), and tensors are cut out of its storages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.npz import DAMAGE
from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.data.weights.checkpoint import (
    ELEMENT_TYPES,
    Checkpoint,
    read_archive,
    read_stream,
    storage_of,
)
from mdlcodec.data.weights.contract import BYTES_OF_A_TENSOR, Loaded, check_number
from mdlcodec.data.weights.pickled import Call, Name, NotUnderstood
from mdlcodec.errors import BadData
from mdlcodec.limits import check_memory

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
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.float8_e4m3fnuz": "F8_E4M3FNUZ",
    "torch.float8_e5m2fnuz": "F8_E5M2FNUZ",
    "torch.float8_e8m0fnu": "F8_E8M0",
}
_DTYPES = {dtype.name: dtype for dtype in DTYPES}
_NUMPY_SCALARS = {
    name: dtype
    for dtype in DTYPES
    if dtype.numpy is not None
    for name in (dtype.numpy, f"b{dtype.bits // 8}")
    if name[0] != "b" or dtype.name == "BOOL"
}
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "network", "net", "params")
_WRAPPED_AT_MOST = 3
_SAVE_AGAIN = "save model.state_dict()"
_MOST_AXES = 64
_COPIES = 2  # of a file, with the storages that were taken from it
_MOST_CHARACTERS = 1 << 24  # of the names in a TorchScript module, which may hold itself
_PLAIN = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_UNTYPED = "torch._utils._rebuild_tensor_v3"
_PARAMETERS = (
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
)
_OF_A_TYPE = "torch._tensor._rebuild_from_type_v2"
_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch.nested._internal.nested_tensor._rebuild_njt": "nested",
    "torch._utils._rebuild_qtensor": "quantised",
    "torch._utils._rebuild_meta_tensor_no_storage": "without values",
}
_SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


def recognises(data: bytes) -> bool:
    """Whether it is a zip archive (of numpy's, others are asked first) or a pickle."""
    return data.startswith(b"PK\3\4") or (data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5"))


def read(data: bytes, memory: int) -> Loaded:
    """The tensors of a state dict, or of one in a checkpoint, and of TorchScript; see Reader.read.

    A checkpoint is a dict that holds the state dict under one of `_WRAPPERS`; what lies beside it is left out,
    with a note. Tensors that share memory are read one by one.
    """
    try:
        checkpoint = read_archive(data, memory) if data.startswith(b"PK") else read_stream(data, memory)
        held, notes = checkpoint.content, []
        if checkpoint.scripted:
            held = _flattened(held)
            notes.append(
                "it is TorchScript: its tensors are packed under their names, its program is not; load the file "
                "with torch.jit.load where that is needed"
            )
        else:
            held, notes = _unwrapped(held)
        if not isinstance(held, Mapping):
            raise BadData(_no_dict(held))
        return Loaded(_tensors(held, checkpoint, _COPIES * len(data), memory), notes)
    except (NotUnderstood, *DAMAGE) as error:
        reason = f" ({ascii(str(error)[:100])[1:-1]})" if str(error) else ""
        raise BadData(
            f"is damaged, or holds more than a dict of tensors{reason}; {_SAVE_AGAIN} with torch.save"
        ) from error


def _unwrapped(held: Any) -> tuple[Any, list[str]]:
    """The state dict in a checkpoint, and notes of what lies beside it."""
    where, notes = "", []
    for _ in range(_WRAPPED_AT_MOST):  # what a pickle holds can hold itself
        wrappers = [name for name in _WRAPPERS if isinstance(held, dict) and isinstance(held.get(name), dict)]
        if not wrappers:
            break
        wrapper = wrappers[0]
        others = [quoted(_shown(key)) for key in held if key != wrapper]
        if others:
            shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
            notes.append(f"beside {where}[{wrapper!r}], the file holds {shown}: left out")
        held, where = held[wrapper], f"{where}[{wrapper!r}]"
    return held, notes


def _flattened(module: Any) -> dict[object, Any]:
    """The tensors of a TorchScript module and of those in it, by their names with dots between."""
    tensors: dict[object, Any] = {}
    left, characters = [("", module)], 0
    while left:
        prefix, part = left.pop()
        state = part.state if isinstance(part, Call) else None
        if not isinstance(state, dict):
            raise NotUnderstood("a TorchScript module has no attributes")
        inner = []
        for name, value in state.items():
            path = f"{prefix}{_shown(name)}"
            characters += len(path) + 1
            if characters > _MOST_CHARACTERS:
                raise BadData(
                    f"is TorchScript of names with more than {_MOST_CHARACTERS:,} characters; {_SAVE_AGAIN} "
                    "with torch.save"
                )
            if isinstance(value, Call) and value.function.startswith("__torch__."):
                inner.append((f"{path}.", value))
            elif isinstance(value, Call) and value.function in (*_PLAIN, _UNTYPED, *_PARAMETERS):
                tensors[path] = value
        left += reversed(inner)
    return tensors


def _no_dict(held: object) -> str:
    if isinstance(held, Call) and held.function not in (*_PLAIN, _UNTYPED, *_PARAMETERS):
        needs = _escaped(held.function)
        return f"holds more than a dict of tensors (it needs {needs}); {_SAVE_AGAIN} with torch.save"
    return f"holds an object of type {_type_of(held)}, no dict of tensors; {_SAVE_AGAIN}"


def _tensors(described: Mapping[Any, Any], checkpoint: Checkpoint, held: int, memory: int) -> list[Tensor]:
    check_number(len(described))
    tensors, size = [], BYTES_OF_A_TENSOR * len(described)
    for name, value in described.items():
        if not isinstance(name, str):
            raise BadData(f"has an entry whose name is of type {_type_of(name)}; {_SAVE_AGAIN}")
        call = _described(name, value)
        if call.function in _SCALARS:
            tensors.append(_scalar(name, call))
            continue
        strided = _Strided(name, call, checkpoint)
        size += strided.bytes
        if size > memory:
            raise BadData(f"its tensors take more than {memory} bytes; allow more with --max-memory")
        check_memory(held + size, memory, "reading it takes")
        tensors.append(strided.tensor())
    return tensors


def _described(name: str, value: Any) -> Call:
    """The call that makes a dense tensor, or a scalar of numpy's. Raises BadData."""
    for _ in range(4):  # a parameter of a type of a tensor
        if not isinstance(value, Call):
            break
        if value.function in _PARAMETERS and value.arguments:
            value = value.arguments[0]
        elif (
            value.function == _OF_A_TYPE
            and len(value.arguments) == 4
            and isinstance(value.arguments[0], Name)
        ):
            value = Call(value.arguments[0].path, _tuple(value.arguments[2]))
    if isinstance(value, Call):
        if value.function in (*_PLAIN, _UNTYPED, *_SCALARS):
            return value
        if value.function in _OTHER_TENSORS:
            kind = _OTHER_TENSORS[value.function]
            raise BadData(f"tensor {quoted(name)} is {kind}, which cannot be packed; give dense numbers")
        if value.arguments or not value.function.startswith("builtins."):
            raise BadData(
                f"holds more than a dict of tensors (it needs {_escaped(value.function)}): entry {quoted(name)} "
                f"is no tensor; {_SAVE_AGAIN}"
            )
    raise BadData(f"entry {quoted(name)} is of type {_type_of(value)}, no tensor; {_SAVE_AGAIN}")


class _Strided:
    """A dense tensor as its storage holds it: checked before anything is made of it."""

    def __init__(self, name: str, described: Call, checkpoint: Checkpoint) -> None:
        storage, offset, shape, strides, *more = (*described.arguments, None, None, None, None)[:12]
        place = storage_of(storage)
        if described.function == _UNTYPED:
            kind = more[2] if len(more) > 2 else None
            torch_name = kind.path if isinstance(kind, Name) else "unknown"
            element = _TYPES.get(torch_name)
            metadata = more[3] if len(more) > 3 else None
        else:
            element = ELEMENT_TYPES.get(place.kind)
            torch_name = f"torch.{place.kind}"
            metadata = more[2] if len(more) > 2 else None
        if element is None:
            raise BadData(
                f"tensor {quoted(name)} has elements of {_escaped(torch_name)}, which cannot be packed; "
                "give real numbers"
            )
        if isinstance(metadata, dict) and metadata.get("neg"):
            raise BadData(f"tensor {quoted(name)} is a negated view; save tensor.resolve_neg()")
        self.name, self.dtype = name, _DTYPES[element]
        self.shape, self.axis_strides = _numbers(shape), _numbers(strides)
        self.offset = _numbers((offset,))[0] + place.first
        if len(self.shape) != len(self.axis_strides):
            raise NotUnderstood("a tensor has other axes than strides")
        self.bytes = self.dtype.bits // 8
        for extent in self.shape:
            self.bytes *= extent
        self._pattern = self.dtype.pattern.newbyteorder("<" if checkpoint.order == "<" else ">")
        self._stored = checkpoint.stored, place.key

    def tensor(self) -> Tensor:
        """Its elements in C order, copied. Raises NotUnderstood where they lie outside of the storage."""
        size = self.dtype.bits // 8
        if self.bytes == 0:
            try:
                return Tensor(self.name, self.dtype, np.zeros(self.shape, self.dtype.pattern))
            except (ValueError, OverflowError) as error:
                raise BadData(f"tensor {quoted(self.name)} has a shape that no array can have") from error
        stored, key = self._stored
        data = stored(key)
        last = self.offset
        for extent, stride in zip(self.shape, self.axis_strides, strict=True):
            last += (extent - 1) * stride
        if (last + 1) * size > len(data):
            raise NotUnderstood("a tensor lies outside of its storage")
        steps = [
            stride * size if extent > 1 else 0
            for extent, stride in zip(self.shape, self.axis_strides, strict=True)
        ]
        view: np.ndarray = np.ndarray(self.shape, self._pattern, data, self.offset * size, steps)
        return Tensor(self.name, self.dtype, view.astype(self.dtype.pattern, order="C")).checked()


def _numbers(values: object) -> tuple[int, ...]:
    """Extents, strides or an offset: integers from 0. Raises NotUnderstood."""
    numbers = _tuple(values)
    if len(numbers) > _MOST_AXES or any(type(value) is not int or value < 0 for value in numbers):
        raise NotUnderstood("a tensor has a shape that none can have")
    return numbers


def _tuple(values: object) -> tuple[Any, ...]:
    if isinstance(values, Call) and values.function == "torch.Size" and len(values.arguments) == 1:
        values = values.arguments[0]
    if not isinstance(values, tuple | list):
        raise NotUnderstood("a tensor is described otherwise than by numbers")
    return tuple(values)


def _scalar(name: str, call: Call) -> Tensor:
    """The tensor without axes of numpy's scalar; BadData for types other than numbers."""
    kind, data = (*call.arguments, None, None)[:2]
    code = (
        kind.arguments[0]
        if isinstance(kind, Call) and kind.function == "numpy.dtype" and kind.arguments
        else None
    )
    dtype = _NUMPY_SCALARS.get(code) if isinstance(code, str) else None
    if isinstance(data, Call) and data.function == "_codecs.encode" and data.arguments:
        data = data.arguments[0]
        data = data.encode("latin-1", "replace") if isinstance(data, str) else data
    if dtype is None or not isinstance(data, bytes) or len(data) != dtype.bits // 8:
        raise BadData(f"entry {quoted(name)} is a scalar of numpy's, no number; {_SAVE_AGAIN}")
    state = kind.state if isinstance(kind, Call) else None
    big = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
    return Tensor.of_bytes(name, dtype.name, (), data[::-1] if big else data)


def _type_of(value: object) -> str:
    """The name of the type that an object would have."""
    if isinstance(value, Call):
        tensor = value.function in (*_PLAIN, _UNTYPED)
        return "Tensor" if tensor else _escaped(value.function.rpartition(".")[2])
    return type(value).__name__


def _shown(key: object) -> str:
    return key if isinstance(key, str) else f"a key of type {_type_of(key)}"


def _escaped(text: str) -> str:
    return ascii(text[:100])[1:-1]


def tensor_of(name: str, value: torch.Tensor) -> Tensor:
    """The tensor of a dense torch tensor of real numbers, wherever it is, strided as it may be.

    Raises BadData for other kinds.
    """
    import torch

    _check(name, value)
    dtype = _TYPES[str(value.dtype)]
    same_size = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[value.element_size()]
    try:
        plain = value.detach().to("cpu").resolve_neg().contiguous().view(same_size).numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        reason = ascii(str(error).partition("\n")[0][:100])[1:-1]
        raise BadData(
            f"tensor {quoted(name)} has no values to read ({reason}); give dense numbers"
        ) from error
    little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
    return Tensor.of_bytes(name, dtype, tuple(value.shape), little.tobytes())


def _check(name: str, value: object) -> None:
    import torch

    if not isinstance(value, torch.Tensor):
        raise BadData(f"entry {quoted(name)} is of type {type(value).__name__}, no tensor; {_SAVE_AGAIN}")
    if value.is_nested:
        raise BadData(f"tensor {quoted(name)} is nested, which cannot be packed; give dense numbers")
    if value.layout != torch.strided or value.is_meta or str(value.dtype) not in _TYPES:
        kind = "without values" if value.is_meta else f"of {value.dtype}, {value.layout}"
        raise BadData(f"tensor {quoted(name)} is {kind}, which cannot be packed; give dense numbers")
