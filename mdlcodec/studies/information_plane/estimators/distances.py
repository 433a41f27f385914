"""Mixtures of one Gaussian kernel an example: means of kernels over all examples, and over those of one
class."""

from __future__ import annotations

import numpy as np

_ROWS = 256  # whose distances are in memory at once


def log_mean_kernels(
    at: np.ndarray, centres: np.ndarray, classes: np.ndarray, width: float, paired: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """log2 of the mean over j of exp(-|at_i - centre_j|^2 / width), and of the mean over those j that have
    the class of i: float64 (n,) each. at, centres float (n, d); classes int (n,). ``paired``: ``at`` is
    ``centres``.
    """
    # without the mean, which changes no distance, less is lost where values are large
    middle = centres.mean(axis=0, dtype=np.float64)
    a, c = at.astype(np.float64) - middle, centres.astype(np.float64) - middle
    lengths = np.einsum("ij,ij->i", c, c)
    members = np.zeros((len(c), int(classes.max()) + 1))
    members[np.arange(len(c)), classes] = 1.0
    numbers = members.sum(axis=0)
    every, own = np.empty(len(a)), np.empty(len(a))
    for start in range(0, len(a), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(a)))
        block = a[rows]
        squares = np.einsum("ij,ij->i", block, block)[:, np.newaxis] + lengths - 2.0 * (block @ c.T)
        squares = np.maximum(squares, 0.0)
        if paired:
            squares[np.arange(len(rows)), rows] = 0.0
        exponents = squares / -width
        # i's own kernel is never far away, so that nothing underflows that matters
        most = exponents[np.arange(len(rows)), rows]
        kernels = np.exp(np.minimum(exponents - most[:, np.newaxis], 600.0))
        shift = most * np.log2(np.e)
        every[rows] = np.log2(kernels.sum(axis=1) / len(c)) + shift
        sums = (kernels @ members)[np.arange(len(rows)), classes[rows]]
        own[rows] = np.log2(sums / numbers[classes[rows]]) + shift
    return every, own
