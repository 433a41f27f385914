"""Block integers, sums and softmax of formats/arithmetic.md, sections 2, 3 and 6."""

import math

import numpy as np

from decoder.elementary import exp, exps, logs


def block(x, digits=2, largest=120):
    """Integers q (int64) and exponent e of a block."""
    limit, bits = (63, 6) if digits == 1 else (8127, 13)
    x = np.asarray(x, np.float32)
    m = float(np.abs(x).max(initial=np.float32(0)))
    e = 0 if m == 0 else min(max(bits - math.frexp(m)[1], -400), largest)
    if np.rint(m * 2.0**e) > limit:
        e -= 1
    return np.rint(x.astype(np.float64) * 2.0**e).astype(np.int64), e


def scaled(sums, e):
    """f32(S * 2^-e + 0.0)"""
    with np.errstate(over="ignore"):  # an infinity is refused where it enters the next product, or the scores
        return (np.asarray(sums).astype(np.float64) * 2.0**-e + 0.0).astype(np.float32)


def columnsum(x):
    """Sum over rows of x, float64 (section 3)."""
    x = np.asarray(x)
    m, rows = float(np.abs(x).max(initial=0)), len(x)
    b, c = 50, rows
    while c > 1:
        c, b = (c + 1) // 2, b - 1
    s = 0 if m == 0 else min(max(b - math.frexp(m)[1], -500), 500)
    return np.rint(x.astype(np.float64) * 2.0**s).sum(0) * 2.0**-s


def softmax(scores):
    """Softmax of one row (section 6)."""
    largest = max(scores)
    e = [exp(v - largest) for v in scores]
    total = 0.0
    for v in e:
        total = total + v
    return [v / total for v in e]


def softmaxes(scores):
    """Rows of float64."""
    scores = np.asarray(scores, np.float64)
    e = exps(scores - scores.max(-1, keepdims=True))
    total = np.zeros(scores.shape[:-1])
    for c in range(scores.shape[-1]):
        total = total + e[..., c]
    return e / total[..., None]


def mean_logarithms(probabilities):
    """Logarithm of the mean of several arrays of one shape, float64 (prequential.md, "Network predictors")."""
    total = np.zeros(probabilities[0].shape)
    for p in probabilities:
        total = total + p
    return logs(np.maximum(total / float(len(probabilities)), 1e-300))
