"""What a network expects of a byte, as inputs of the mixers (formats/mixing.md, "A network's distribution")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.mixing.text.tables import STRETCH

INPUTS = 2  # of the mixers
_HALF, _MOST = 1 << 21, (1 << 22) - 1


def nothing_given() -> npt.NDArray[np.int64]:
    """Of no network: int64 (0, 512)."""
    return np.zeros((0, 512), np.int64)


def bit_sums(frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Frequencies of bytes, uint32 (m, 256), none 0 -> int64 (m, 512): at 1 followed by some bits, the sum of those
    that begin with these bits."""
    sums = np.zeros((len(frequencies), 512), np.int64)
    sums[:, 256:] = frequencies
    width = 128
    while width:
        pairs = sums[:, 2 * width : 4 * width].reshape(-1, width, 2)  # (m, width, bit)
        sums[:, width : 2 * width] = pairs[:, :, 0] + pairs[:, :, 1]
        width >>= 1
    return sums


@njit(cache=True, _nrt=False)
def fill(sums, begun, x):  # type: ignore[no-untyped-def]
    """Writes the inputs of the bit after those in begun (1 in front); sums: a row of `bit_sums`."""
    p = min((sums[2 * begun + 1] << 22) // sums[begun], _MOST)
    x[0] = STRETCH[p >> 10]
    x[1] = (p - _HALF) >> 11
