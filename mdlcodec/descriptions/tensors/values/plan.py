"""How one tensor's values are coded: what the value tools make, and the mixture follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdlcodec.descriptions.tensors.values.fields import Fields
from mdlcodec.descriptions.tensors.values.mixed import Shape

Patterns = npt.NDArray[np.unsignedinteger]
Header = tuple[int, ...]
"""The integers that describe a plan in the file."""


@dataclass(frozen=True)
class Plan:
    """split and join: patterns (n,) to fields and back; even: every value costs the same number of bits."""

    shape: Shape
    split: Callable[[Patterns], Fields]
    join: Callable[[Fields], Patterns]
    even: bool = False
