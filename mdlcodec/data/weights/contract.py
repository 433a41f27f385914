"""What every reader of weights hands on."""

from __future__ import annotations

from dataclasses import dataclass

from mdlcodec.data.tensor import MAX_TENSORS, Tensor
from mdlcodec.errors import BadData

BYTES_OF_A_TENSOR = 1 << 11  # besides its elements, with what a file says of it


def check_number(tensors: int) -> None:
    """Raise BadData for more tensors than a network file holds."""
    if tensors > MAX_TENSORS:
        raise BadData(f"holds {tensors:,} tensors, of which at most {MAX_TENSORS:,} can be packed; split it")


@dataclass(frozen=True)
class Loaded:
    """The tensors of a file, in its order; ``notes``: what else it holds, which is left out, for people."""

    tensors: list[Tensor]
    notes: list[str]
