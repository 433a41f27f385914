"""Integer frequencies of the softmax of scores (formats/labels.md, "Frequencies")."""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy import fill_frequencies
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.loss import softmax_row


@njit(cache=True)
def _fill(scores, out):  # type: ignore[no-untyped-def]
    p = np.empty(scores.shape[1], np.float64)
    for row in range(scores.shape[0]):
        softmax_row(scores[row], 1.0, p)
        if not fill_frequencies(p, out[row]):
            return False
    return True


def frequencies_of(scores: np.ndarray) -> np.ndarray:
    """Of each row: float32 (m, k) -> uint32 (m, k), of a total of 2^24.

    Raises InexactComputation for scores that are not finite.
    """
    out = np.empty(scores.shape, np.uint32)
    if not _fill(np.ascontiguousarray(scores), out):
        raise InexactComputation(
            "training diverged: a score is NaN or infinite; try another preset or network"
        )
    return out
