"""How little a classifier that overfits can be compressed (Zhou et al. 2018, Theorem 6.1)."""

from __future__ import annotations

import math


def least_entropy(n: int, training_error: float, test_error: float) -> float:
    """The least entropy, in bits, of a classifier that is learned from n examples drawn independently.

    n (ln 2 - l h(p) - (1 - l) h(q)), with the *expected* training and test error under one law: l is their
    mean, p and q the shares of the training error and of the training accuracy in their sums (equations 6.1 to
    6.5). 0 where they are equal. Raises ValueError for errors outside 0..1.
    """
    if not (0.0 <= training_error <= 1.0 and 0.0 <= test_error <= 1.0):
        raise ValueError("errors are shares, 0 to 1")
    wrong, right = training_error + test_error, 2.0 - training_error - test_error
    p = training_error / wrong if wrong else 0.5
    q = (1.0 - training_error) / right if right else 0.5
    known = 0.5 * wrong * binary_entropy(p) + (1.0 - 0.5 * wrong) * binary_entropy(q)
    return n * max(0.0, 1.0 - known)


def binary_entropy(p: float) -> float:
    """Of a bit that is 1 with probability p, in bits."""
    return 0.0 if p in (0.0, 1.0) else -p * math.log2(p) - (1.0 - p) * math.log2(1.0 - p)
