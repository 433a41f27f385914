"""Theorem 5.1 of Zhou et al. 2018: what noise on the non-zero weights takes off the description of a network.

The posterior adds Normal(0, sigma^2) to every non-zero weight of a layer; the prior is a mixture over all
networks that the same code could say in the same number of bits, with Normal(0, lambda^2) around each. A layer
may also go without noise. lambda, and how the mixture weighs a layer's values, are chosen after seeing the
network from a list that is fixed before, and log(length of that list) is paid for each layer; sigma belongs to
the posterior and is free (formats/bounds.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# lambda, as part of a layer's largest magnitude, which the code tells
LAMBDAS = tuple(2.0 ** (-j / 3.0) for j in range(24))
WEIGHINGS = ("equal", "counted")
CHOICES = len(WEIGHINGS) * (1 + len(LAMBDAS))
# with more distinct values in a layer, noise would save little and cost much time
MOST_VALUES = 256
_PIECES = 64
_REACH = 6.0
_ENTRIES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class LayerValues:
    """What a layer's non-zero weights are: ``values`` float64 (k,), distinct, and ``counts`` int64 (k,)."""

    values: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, weight: np.ndarray) -> LayerValues:
        """Those of a weight of any shape."""
        values, counts = np.unique(np.asarray(weight, np.float64)[weight != 0], return_counts=True)
        return cls(values, counts)

    @property
    def largest(self) -> float:
        """The largest magnitude, 0 for a layer of zeros."""
        return float(np.abs(self.values).max(initial=0.0))

    @property
    def can_be_noisy(self) -> bool:
        """Whether noise is worth trying."""
        return 0 < len(self.values) <= MOST_VALUES and math.isfinite(self.largest)


@dataclass(frozen=True)
class LayerPrior:
    """The best choice for a layer: its term of Theorem 5.1, in nats, the choice itself paid.

    ``scale``: lambda, None without noise; ``weighing``: one of WEIGHINGS. ``nats`` may be negative.
    """

    nats: float
    weighing: str
    scale: float | None


NO_CHOICE = LayerPrior(0.0, WEIGHINGS[0], None)
"""The choice of a layer that cannot be noisy, which is known from its code."""


def _standard_pieces() -> tuple[np.ndarray, np.ndarray]:
    """Masses (m,) and means (m,) of the standard normal distribution on intervals that cover the line."""
    edges = np.concatenate([[-math.inf], np.linspace(-_REACH, _REACH, _PIECES - 1), [math.inf]])
    # by the upper tail on the right, so that nothing cancels
    below = np.array([0.5 * math.erfc(-edge / math.sqrt(2.0)) for edge in edges])
    above = below[::-1]
    half = len(edges) // 2
    masses = np.concatenate([np.diff(below[: half + 1]), -np.diff(above[half:])])
    density = np.exp(-0.5 * edges * edges) / math.sqrt(2.0 * math.pi)
    return masses, -np.diff(density) / masses


_MASSES, _MEANS = _standard_pieces()


def divergence_from_mixture(
    layer: LayerValues, log_weights: np.ndarray, sigma: float, scale: float
) -> np.ndarray:
    """KL(Normal(w, sigma^2) || sum_u weight_u Normal(u, scale^2)) in nats, float64 (k,), for each value w.

    An upper bound, deterministic: the mixture's log density is -x^2 / (2 scale^2) plus a convex function
    (the logarithm of a sum of exponentials that are linear in x), so Jensen's inequality on each of 64 pieces of
    the normal distribution bounds its expectation from below. log_weights (k,) need not be normalised.
    """
    away = layer.values[None, :] - layer.values[:, None]  # (k, k): u - w
    constant = log_weights[None, :] - away * away / (2.0 * scale * scale)  # (k, k)
    expected = np.zeros(len(layer.values))
    at_once = max(1, _ENTRIES_AT_ONCE // away.size)
    for start in range(0, len(_MEANS), at_once):
        pieces = slice(start, start + at_once)
        shifts = sigma * _MEANS[pieces] / (scale * scale)
        exponents = constant + away * shifts[:, None, None]  # (pieces, k, k)
        top = exponents.max(axis=2)
        sums = np.exp(exponents - top[:, :, None]).sum(axis=2)
        expected += _MASSES[pieces] @ (top + np.log(sums))
    ratio = sigma / scale
    divergence: np.ndarray = -math.log(ratio) - 0.5 + 0.5 * ratio * ratio - expected
    return divergence


def log_histograms(layer: LayerValues) -> float:
    """ln of the number of ways in which the counts could fall on the k values, each at least once."""
    total, k = int(layer.counts.sum()), len(layer.values)
    return math.lgamma(total) - math.lgamma(k) - math.lgamma(total - k + 1)


def weighings(layer: LayerValues) -> list[tuple[str, np.ndarray, float]]:
    """Each of WEIGHINGS: its name, log weights (k,), and what it costs in nats.

    "equal" is the theorem's sum, in which each of a layer's k values weighs 1. "counted" deals the same total,
    k for each weight, by the values' counts, which the prior has to be told: one of all histograms.
    """
    k = len(layer.values)
    counted = np.log(k * layer.counts / layer.counts.sum())
    return [("equal", np.zeros(k), 0.0), ("counted", counted, log_histograms(layer))]


def best_prior(layer: LayerValues, sigma: float | None) -> LayerPrior:
    """The cheapest of the CHOICES for a layer with noise ``sigma``; None is no noise."""
    priors = []
    for name, log_weights, cost in weighings(layer):
        cost += math.log(CHOICES)
        if sigma is None:
            priors.append(LayerPrior(cost - float(layer.counts @ log_weights), name, None))
            continue
        for part in LAMBDAS:
            scale = part * layer.largest
            nats = float(layer.counts @ divergence_from_mixture(layer, log_weights, sigma, scale))
            priors.append(LayerPrior(cost + nats, name, scale))
    return min(priors, key=lambda prior: prior.nats)
