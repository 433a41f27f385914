"""The signs of zeros: -0.0 is a zero, and comes back as it was (formats/network.md, "Layout")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.logistic import HALF, code_adaptive


def new_bank() -> npt.NDArray[np.uint32]:
    """The slots of all tensors of a section, before the first: by the sign of the zero before."""
    return np.full(2, HALF, np.uint32)


@njit(cache=True)
def code_zero_signs(coding, slots, seen, negative, start, stop, before):  # type: ignore[no-untyped-def]
    """Code negative uint8 (n,), 1 for -0.0, of the elements start..stop of seen uint8 (n,) that are zero.

    ``before``: the sign of the zero before. Returns that of the last.
    """
    for i in range(start, stop):
        if seen[i] == 0:
            before = negative[i] = code_adaptive(coding, slots, before, negative[i])
    return before
