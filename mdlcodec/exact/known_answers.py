"""Whether a thread rounds half to even and keeps subnormals, asked from compiled code in a few nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mdlcodec.compiled import njit

# smallest normal number, 1/4 and 3/4 of what 1 and its successor differ by, that successor, and a number that is
# subnormal in float32; patterns, since this module may be imported where decimals would be rounded otherwise
_NUMBERS = np.array(
    [0x0010000000000000, 0x3C90000000000000, 0x3CA8000000000000, 0x3FF0000000000001, 0x3800000000000000],
    np.uint64,
)
NUMBERS = int(_NUMBERS.ctypes.data)
"""Their address, which compiled functions get as an argument."""


@intrinsic
def _number(typingctx, address, index):  # type: ignore[no-untyped-def]
    """One of them, read anew at each call: the compiler can neither know nor keep it."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word = ir.IntType(64)
        place = builder.add(arguments[0], builder.shl(arguments[1], ir.Constant(word, 3)))
        pattern = builder.load_atomic(builder.inttoptr(place, ir.PointerType(word)), "seq_cst", 8)
        return builder.bitcast(pattern, ir.DoubleType())

    return types.float64(types.int64, types.int64), generate


@njit(cache=True, nogil=True)
def rounds_right(numbers: Any) -> bool:
    """Whether this thread's sums, products and conversions are those of formats/arithmetic.md.

    numbers: NUMBERS.
    """
    smallest, little, much = _number(numbers, 0), _number(numbers, 1), _number(numbers, 2)
    half = smallest * 0.5
    kept = half + half == smallest
    single = _number(numbers, 4)
    kept = kept and np.float64(np.float32(single)) == single
    return kept and 1.0 + little == 1.0 and 1.0 + much == _number(numbers, 3)
