"""What a caller gives as an array: numpy's, torch's, or anything that numpy makes one of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.data.dataset import quoted, refuse_masked
from mdlcodec.errors import BadData, MdlcodecError

if TYPE_CHECKING:
    import torch

_NUMPY_HAS = ("torch.float16", "torch.float32", "torch.float64")
_REASON_LETTERS = 120


def is_tensor(value: object) -> bool:
    """Whether it is a tensor of torch; nobody holds one where torch was not imported."""
    library = sys.modules.get("torch")
    return library is not None and isinstance(value, library.Tensor)


def refused(name: str, error: Exception, what: str) -> BadData:
    """One line for a value that another library could not hand over; MemoryError goes on as it is."""
    if isinstance(error, MemoryError):
        raise error
    reason = " ".join(str(error).split())[:_REASON_LETTERS].strip() or type(error).__name__
    return BadData(f"{name} is not an array: {quoted(reason)}; {what}")


def refuse_without_values(tensor: torch.Tensor, name: str) -> None:
    """Raise BadData for a tensor that is not dense, or has no values to read. Errors of torch pass."""
    import torch

    advice = f"give {name}.to_dense()"
    if getattr(tensor, "is_nested", False):
        raise BadData(f"{name} is a nested tensor; give tensors of one shape each")
    if tensor.is_meta:
        raise BadData(f"{name} is a tensor on the meta device, without values; give one that has them")
    if tensor.layout != torch.strided:
        raise BadData(f"{name} is a tensor of layout {tensor.layout}; {advice}")
    if tensor.is_quantized:
        raise BadData(f"{name} is a quantized tensor; give {name}.int_repr() or {name}.dequantize()")
    if type(tensor).__module__.startswith("torch.masked"):
        raise BadData(f"{name} is a masked tensor; give one in which every entry has a value")


def _of_tensor(tensor: torch.Tensor, name: str) -> np.ndarray:
    import torch

    refuse_without_values(tensor, name)
    plain = tensor.detach().to("cpu").resolve_neg()
    if plain.is_floating_point() and str(plain.dtype) not in _NUMPY_HAS:
        plain = plain.to(torch.float32)  # bfloat16 and narrower: every value is a float32
    values: np.ndarray = plain.numpy()
    return values


def as_array(value: Any, name: str) -> np.ndarray:
    """The values as numpy has them, of any shape; tensors of bfloat16 and narrower floats as float32.

    ``name`` is for people. Raises BadData, and nothing else of what other libraries raise.
    """
    refuse_masked(value, name)
    try:
        return _of_tensor(value, name) if is_tensor(value) else np.asarray(value)
    except MdlcodecError:
        raise
    except Exception as error:
        advice = "outside torch.func, as a plain tensor" if is_tensor(value) else "of one shape"
        raise refused(name, error, f"give examples {advice}") from error


def in_container_of(like: Any, labels: np.ndarray) -> Any:
    """Labels (n,) as what the inputs ``like`` came as: a Series with the index of a DataFrame or Series, a
    tensor; else, and where a tensor has no such dtype, as they are."""
    if is_tensor(like):
        import torch

        plain = labels.astype(labels.dtype.newbyteorder("="))
        return torch.from_numpy(plain) if plain.dtype.kind in "biuf" else labels
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(like, pandas.DataFrame | pandas.Series):
        return pandas.Series(labels, index=like.index)
    return labels
