"""Piecewise-linear encoding of number columns for fully connected networks (formats/prequential.md, "mlp").

Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", section 3.2: a value
becomes its place within each of a few bins. It looks at inputs only.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.sums import column_sums, column_sums_of_squares

MOST_BINS = 15
_BIN_BUDGET = 512  # of all columns together


@njit(cache=True)
def _edges(counts: np.ndarray, bins: int) -> np.ndarray:
    """Indices of distinct values that bound the bins: equal parts of the sum of square roots of counts."""
    total = 0.0
    for i in range(counts.size):
        total += np.sqrt(np.float64(counts[i]))
    edges = np.zeros(bins + 1, np.int64)
    used, passed = 1, 0.0
    for i in range(counts.size - 1):
        passed += np.sqrt(np.float64(counts[i]))
        # several parts may end within one value, which then bounds one bin only
        if passed * np.float64(bins) >= total * np.float64(used) and i > edges[used - 1] and used < bins:
            edges[used] = i
            used += 1
    if counts.size - 1 > edges[used - 1]:
        edges[used] = counts.size - 1
        used += 1
    return edges[:used]


def _bin_table(values: np.ndarray, counts: np.ndarray, bins: int) -> np.ndarray:
    """A table float32 (distinct, bins) of at least three distinct values, ascending, with these counts."""
    m = values.size
    if m <= bins + 1:
        steps: np.ndarray = np.arange(m)[:, None] >= np.arange(1, m)[None, :]
        return steps.astype(np.float32)
    edges = _edges(counts, bins)
    wide = values.astype(np.float64)
    low, high = wide[edges[:-1]], wide[edges[1:]]
    place = (wide[:, None] - low[None, :]) / (high - low)[None, :]
    clipped: np.ndarray = np.minimum(np.maximum(place, 0.0), 1.0).astype(np.float32)
    return clipped


def encoded(features: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """The features and the bins of each column with at least three distinct values, float32 (n, more).

    features: float32 (n, d). A column in the same order as the one before it (a rank score after its
    standard score) gets no bins of its own. Every column of the result is centred. ``like``: with the bins and
    means of these, float32 (.., d), of which the features need not be.
    """
    others, examples = like is not None, features if like is None else like
    n, d = examples.shape
    numbers = sum(1 for j in range(d) if np.unique(examples[:, j]).size >= 3)  # integers
    bins = max(3, min(MOST_BINS, _BIN_BUDGET // max(1, numbers)))
    parts, before = [examples], np.empty(0, np.int64)
    beside = [features]
    for j in range(d):
        values, codes, counts = np.unique(examples[:, j], return_inverse=True, return_counts=True)
        if values.size >= 3 and not np.array_equal(codes, before):
            table = _bin_table(values, counts, bins)
            parts.append(table[codes])
            if others:
                beside.append(_between(values, table, features[:, j]))
        before = codes
    matrix = np.concatenate(parts, axis=1)
    mean = column_sums(matrix) / np.float64(n)
    if others:
        matrix = np.concatenate(beside, axis=1)
    for j in range(matrix.shape[1]):  # column by column: no float64 copy of the whole
        matrix[:, j] = (matrix[:, j].astype(np.float64) - mean[j]).astype(np.float32)
    return matrix


def _between(values: np.ndarray, table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rows of a table for numbers x (m,) that need not be among its values: straight lines between their rows."""
    after = np.clip(np.searchsorted(values, x), 1, values.size - 1)
    low, high = values[after - 1].astype(np.float64), values[after].astype(np.float64)
    share = np.minimum(np.maximum((x.astype(np.float64) - low) / (high - low), 0.0), 1.0)[:, None]
    rows: np.ndarray = (1.0 - share) * table[after - 1] + share * table[after]
    return rows.astype(np.float32)


def mean_square_norm(features: np.ndarray) -> float:
    """The mean over examples of the sum of squares, float32 (n, d) -> float."""
    total = 0.0
    for value in column_sums_of_squares(features):
        total += float(value)
    return total / features.shape[0]
