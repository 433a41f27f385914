"""What every reader of weights hands on."""

from __future__ import annotations

from dataclasses import dataclass

from mdlcodec.data.tensor import Tensor


@dataclass(frozen=True)
class Loaded:
    """The tensors of a file, in its order; ``notes``: what else it holds, which is left out, for people."""

    tensors: list[Tensor]
    notes: list[str]
