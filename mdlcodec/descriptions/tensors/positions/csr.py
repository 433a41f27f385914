"""Positions as compressed sparse rows: counts of rows, and index differences (formats/network.md, "CSR").

Source: Zhou et al. 2018, section 7 (CSR with arithmetic-coded index differences); Han et al. 2016.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.logistic import HALF, INTEGER_SLOTS, code_integer

NUMBER = 2
NAME = "csr"
MOST_BITS = 126  # of an integer


def new_bank() -> npt.NDArray[np.uint32]:
    """The slots of all tensors of a section, before the first: of counts, and of differences by density."""
    return np.full(INTEGER_SLOTS * 17, HALF, np.uint32)


@njit(cache=True)
def code_rows(coding, slots, seen, start, stop):  # type: ignore[no-untyped-def]
    """Code rows start..stop of seen uint8 (rows, columns), 1 where the element is not zero.

    Returns whether the counts and differences stayed within the rows, which only damaged data does not.
    """
    columns = seen.shape[1]
    for row in range(start, stop):
        count = 0
        if not coding.decoding:
            for column in range(columns):
                count += seen[row, column]
        count = code_integer(coding, slots, 0, count)
        if count > columns:
            return False
        position = -1
        for left in range(count, 0, -1):
            room = columns - 1 - position - left  # zeros that may come before the next
            if room < 0:
                return False
            gap = 0
            if not coding.decoding:
                while seen[row, position + 1 + gap] == 0:
                    gap += 1
            mean, density = room // left, 0
            while mean > 0 and density < 15:
                mean >>= 1
                density += 1
            gap = code_integer(coding, slots, INTEGER_SLOTS * (1 + density), gap)
            if gap > room:
                return False
            position += 1 + gap
            seen[row, position] = 1
    return True
