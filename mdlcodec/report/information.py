"""Information in labels: what a file shows that their inputs tell of them."""

from __future__ import annotations

import numpy as np

from mdlcodec.data.dataset import AnyLabels, Labels


def label_entropy(classes: np.ndarray) -> float:
    """The entropy of the labels' frequencies, in bits a label; classes int (n,), n >= 1."""
    counts = np.unique(classes, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def mutual_information(labels: AnyLabels, size: int) -> float | None:
    """H(Y) - 8 size / n in bits a label, of a file of ``size`` bytes, everything in it counted: below the mutual
    information of inputs and labels but for what frequencies of n labels differ from probabilities. Negative where
    the file shows nothing; None for real numbers.
    """
    if not isinstance(labels, Labels):
        return None
    return label_entropy(labels.classes) - 8 * size / labels.n
