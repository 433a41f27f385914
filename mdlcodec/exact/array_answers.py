"""Known answers of numpy and torch that subnormal numbers and roundings decide, float32 and float64.

All are patterns of bits: the module may be imported in whatever state. Their order: a, b, then a + b, a * b, a / b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_SINGLE = np.array(
    [
        [0x00800000, 0x00C00000, 0x00003039, 0x3F800000, 0x3F800000, 0xBF800000, 0x3F800000, 0xBF800000],
        [0x3F000000, 0x80800000, 0x40400000, 0x33000000, 0x33C00000, 0xB3C00000, 0x40A00000, 0x40A00000],
        [0x3F000000, 0x00400000, 0x40400000, 0x3F800000, 0x3F800001, 0xBF800001, 0x40C00000, 0x40800000],
        [0x00400000, 0x80000000, 0x000090AB, 0x33000000, 0x33C00000, 0x33C00000, 0x40A00000, 0xC0A00000],
        [0x01000000, 0xBFC00000, 0x00001013, 0x4C000000, 0x4B2AAAAB, 0x4B2AAAAB, 0x3E4CCCCD, 0xBE4CCCCD],
    ],
    np.uint32,
)
_DOUBLE = np.array(
    [
        [
            0x0010 << 48,
            0x0018 << 48,
            0x3039,
            0x3FF0 << 48,
            0x3FF0 << 48,
            0xBFF0 << 48,
            0x3FF0 << 48,
            0xBFF0 << 48,
        ],
        [
            0x3FE0 << 48,
            0x8010 << 48,
            0x4008 << 48,
            0x3C90 << 48,
            0x3CA8 << 48,
            0xBCA8 << 48,
            0x4014 << 48,
            0x4014 << 48,
        ],
        [
            0x3FE0 << 48,
            0x0008 << 48,
            0x4008 << 48,
            0x3FF0 << 48,
            (0x3FF0 << 48) + 1,
            (0xBFF0 << 48) + 1,
            0x4018 << 48,
            0x4010 << 48,
        ],
        [
            0x0008 << 48,
            0x8000 << 48,
            0x90AB,
            0x3C90 << 48,
            0x3CA8 << 48,
            0x3CA8 << 48,
            0x4014 << 48,
            0xC014 << 48,
        ],
        [
            0x0020 << 48,
            0xBFF8 << 48,
            0x1013,
            0x4350 << 48,
            0x4335555555555555,
            0x4335555555555555,
            0x3FC999999999999A,
            0xBFC999999999999A,
        ],
    ],
    np.uint64,
)
# 1/10, 1/3 and its opposite, 2^-127, 1 + 3/4 of what 1 and its successor differ by in float32; then as float32
_WIDE = np.array(
    [0x3FB999999999999A, 0x3FD5555555555555, 0xBFD5555555555555, 0x3800 << 48, 0x3FF0000018000000], np.uint64
)
_NARROWED = np.array([0x3DCCCCCD, 0x3EAAAAAB, 0xBEAAAAAB, 0x00400000, 0x3F800001], np.uint32)
_WIDENED = np.array(
    [0x3FB99999A0000000, 0x3FD5555560000000, 0xBFD5555560000000, 0x3800 << 48, 0x3FF0000020000000], np.uint64
)


def numpy_is_right() -> bool:
    """Whether numpy adds, multiplies, divides and converts as formats/arithmetic.md says, in this thread."""
    with np.errstate(all="ignore"):
        for table, kind in ((_SINGLE, np.float32), (_DOUBLE, np.float64)):
            a, b = table[0].view(kind), table[1].view(kind)
            if not _equal(table, (a + b, a * b, a / b)):
                return False
        narrowed = _WIDE.view(np.float64).astype(np.float32)
        widened = _NARROWED.view(np.float32).astype(np.float64)
    return np.array_equal(narrowed.view(np.uint32), _NARROWED) and np.array_equal(
        widened.view(np.uint64), _WIDENED
    )


def torch_is_right() -> bool:
    """The same of torch, in this thread alone."""
    import torch

    for table, kind in ((_SINGLE, np.float32), (_DOUBLE, np.float64)):
        a, b = (torch.from_numpy(table[i].view(kind)) for i in (0, 1))
        if not _equal(table, ((a + b).numpy(), (a * b).numpy(), (a / b).numpy())):
            return False
    narrowed = torch.from_numpy(_WIDE.view(np.float64)).float().numpy()
    widened = torch.from_numpy(_NARROWED.view(np.float32)).double().numpy()
    return np.array_equal(narrowed.view(np.uint32), _NARROWED) and np.array_equal(
        widened.view(np.uint64), _WIDENED
    )


def _equal(table: Any, answers: tuple[Any, ...]) -> bool:
    return all(np.array_equal(answers[i].view(table.dtype), table[2 + i]) for i in range(3))
