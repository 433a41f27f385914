"""Plug-in entropies of symbols, in bits: frequencies taken as probabilities."""

from __future__ import annotations

import numpy as np

from mdlcodec.studies.information_plane.estimators.contract import Estimate


def symbols(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of integers (n, d) as one symbol each: int (n,), and how often each occurs, int (symbols,)."""
    rows = np.ascontiguousarray(indices)
    if rows.shape[1] == 0:
        return np.zeros(len(rows), np.intp), np.array([len(rows)])
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    _, codes, counts = np.unique(whole, return_inverse=True, return_counts=True)
    return codes.reshape(-1), counts


def entropy(counts: np.ndarray) -> float:
    """Of symbols that occur so often, int (symbols,), in bits."""
    counts = counts[counts > 0]
    n = counts.sum()
    return float(np.log2(n) - (counts * np.log2(counts)).sum() / n) + 0.0


def of_indices(indices: np.ndarray, classes: np.ndarray) -> Estimate:
    """I(X;T) = H(T) - sum p(x) H(T|x), where every x is there once, and I(T;Y) = H(T) - sum p(y) H(T|y);
    ``indices`` integers (n, d), a row one symbol; ``classes`` int (n,)."""
    codes, counts = symbols(indices)
    given = 0.0
    for y, share in enumerate(np.bincount(classes) / len(classes)):
        if share:
            given += float(share) * entropy(np.bincount(codes[classes == y]))
    h = entropy(counts)
    return Estimate(h, h - given, len(codes), float((counts == 1).sum()) / len(codes))
