"""Inverting the relative entropy, and the tail of the binomial distribution: an upper bound on an error rate.

Langford 2005, "Tutorial on practical prediction theory for classification", Theorem 3.3 (binomial tail) and
Corollary 3.7 (relative entropy, which follows from it by Chernoff's bound). Logarithms are natural; tails are
kept as logarithms, since a network of some kilobytes leaves e^-20000 of the confidence to each hypothesis.
"""

from __future__ import annotations

import math

import numpy as np

_HALVINGS = 100
_TERMS = 1 << 16
# float64's relative rounding, some operations of it, on a logarithm of a factorial
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


def relative_entropy(q: float, p: float) -> float:
    """kl(q || p) = q ln(q/p) + (1-q) ln((1-q)/(1-p)) of two probabilities, in nats; infinite where it is."""
    total = 0.0
    for of, by in ((q, p), (1.0 - q, 1.0 - p)):
        if of > 0.0:
            if by <= 0.0:
                return math.inf
            total += of * math.log(of / by)
    return max(total, 0.0)


def relative_entropy_inverse(q: float, nats: float) -> float:
    """The largest p with kl(q || p) <= nats, rounded up."""
    low, high = q, 1.0
    if nats == math.inf:
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if relative_entropy(q, middle) <= nats:
            low = middle
        else:
            high = middle
    return high


def log_binomial_tail(errors: int, n: int, p: float) -> float:
    """ln P(Bin(n, p) <= errors) for errors / n <= p < 1; of more than 65,536 terms the rest is bounded above.

    Exact up to float64's rounding, relative to the logarithms of the factorials (about 1e-9 at n = 60,000).
    """
    log_last = (
        math.lgamma(n + 1)
        - math.lgamma(errors + 1)
        - math.lgamma(n - errors + 1)
        + errors * math.log(p)
        + (n - errors) * math.log1p(-p)
    )
    # P(i - 1) / P(i) = i (1-p) / ((n-i+1) p), below 1 and falling with i
    i = np.arange(errors, max(errors - _TERMS, 0), -1, dtype=np.float64)
    terms = np.cumprod(i * (1.0 - p) / ((n - i + 1.0) * p))
    total = 1.0 + float(terms.sum())
    if errors > _TERMS:
        ratio = (errors - _TERMS) * (1.0 - p) / ((n - errors + _TERMS + 1.0) * p)
        total += float(terms[-1]) * ratio / (1.0 - ratio)
    return min(log_last + math.log(total), 0.0)


def binomial_tail_inverse(errors: int, n: int, log_confidence: float) -> float:
    """The largest p with P(Bin(n, p) <= errors) >= e^log_confidence, rounded up; 1 for errors = n.

    With probability 1 - e^log_confidence, a classifier that is fixed before the n examples and errs on
    ``errors`` of them has no larger error rate.
    """
    if errors >= n:
        return 1.0
    slack = _ROUNDING * (math.lgamma(n + 1) + n)
    low, high = errors / n, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if log_binomial_tail(errors, n, middle) + slack >= log_confidence:
            low = middle
        else:
            high = middle
    return high
