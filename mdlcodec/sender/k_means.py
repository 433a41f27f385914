"""k-means codebooks with an exact zero (Han, Mao & Dally 2016, section 3; Zhou et al. 2018, appendix A.1)."""

import numpy as np

_ITERATIONS = 200


def codebook(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """A codebook of at most ``2**bits`` centres, one of them exactly zero, and every value's index into it.

    ``values``: float32, any shape, finite. Returns ``centres`` float32 (m,), strictly increasing, with 1 <= m <=
    2**bits and exactly one 0.0, and ``indices`` int32 in the shape of ``values``. Values that are zero get the zero
    centre. When there are at most 2**bits - 1 other values, the centres are those values themselves. Raises
    ValueError for bits outside 1 to 16 and for values that are not finite.
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"a codebook has 1 to 16 bits, not {bits}")
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a codebook needs finite values; some are NaN or infinite")
    distinct, counts = np.unique(values[values != 0], return_counts=True)
    if distinct.size < 2**bits:
        others = distinct
    else:
        others = _lloyd(distinct.astype(np.float64), counts, 2**bits - 1)
    centres = np.unique(np.append(others.astype(np.float32), np.float32(0)))
    indices = nearest(values, centres)
    used = np.union1d(indices, np.searchsorted(centres, np.float32(0)))
    return centres[used], np.searchsorted(used, indices).astype(np.int32)


def nearest(values: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index (int64, shape of ``values``) of the nearest of the sorted ``centres``; a tie takes the lower one."""
    middles = (centres[1:].astype(np.float64) + centres[:-1]) / 2
    return np.searchsorted(middles, values.astype(np.float64), side="left")


def _lloyd(distinct: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Lloyd's algorithm for ``size`` free centres beside a fixed zero, over sorted distinct values and counts."""
    # spread evenly over the range: large weights are few but matter (Han et al., section 3.2)
    centres = np.linspace(distinct[0], distinct[-1], size)
    weights = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(distinct * counts)])
    for _ in range(_ITERATIONS):
        everyone = np.sort(np.append(centres[centres != 0], 0.0))
        middles = (everyone[1:] + everyone[:-1]) / 2
        edges = np.concatenate([[0], np.searchsorted(distinct, middles, side="right"), [distinct.size]])
        mass = weights[edges[1:]] - weights[edges[:-1]]
        means = (sums[edges[1:]] - sums[edges[:-1]]) / np.maximum(mass, 1)
        moved = means[(mass > 0) & (everyone != 0)]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres
