"""How much noise each layer gets: the posterior of Theorem 5.1, found by coordinate search.

The search may look at anything, since PAC-Bayes bounds hold for all posteriors at once. It samples with its own
random numbers; the error that is reported is sampled anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from mdlcodec.bounds.kl_inverse import relative_entropy_inverse
from mdlcodec.bounds.robustness import NO_CHOICE, LayerPrior, LayerValues, best_prior

# sigma as part of a layer's largest magnitude
_STARTS = (0.01, 0.02, 0.04, 0.08)
_FACTORS = (2.0, 0.5, 2.0**0.5, 0.5**0.5)

Sigmas = tuple[float | None, ...]


def found_noise(
    layers: Sequence[LayerValues], nats: float, n: int, error_rate: Callable[[Sigmas], float]
) -> Sigmas:
    """Standard deviations of the layers' noise, None for none, that make the bound about as small as can be.

    ``nats``: what is paid besides the layers' terms; ``error_rate``: an estimate for given deviations.
    """
    known: dict[Sigmas, float] = {}

    @functools.cache
    def term(layer: int, sigma: float | None) -> float:
        return prior_of(layers[layer], sigma).nats

    def bound(sigmas: Sigmas) -> float:
        if sigmas not in known:
            total = nats + sum(term(layer, sigma) for layer, sigma in enumerate(sigmas))
            if relative_entropy_inverse(0.0, max(total, 0.0) / n) >= min(known.values(), default=1.0):
                known[sigmas] = 1.0  # however few errors, this is no better
            else:
                known[sigmas] = relative_entropy_inverse(error_rate(sigmas), max(total, 0.0) / n)
        return known[sigmas]

    def all_at(part: float) -> Sigmas:
        return tuple(part * layer.largest if layer.can_be_noisy else None for layer in layers)

    best = min((tuple(None for _ in layers), *map(all_at, _STARTS)), key=bound)
    for factors in (_FACTORS[:2], _FACTORS[2:]):
        for i, layer in enumerate(layers):
            if not layer.can_be_noisy:
                continue
            now = best[i]
            tries: list[float | None] = [None, _STARTS[0] * layer.largest]
            if now is not None:
                tries = [None, *(factor * now for factor in factors)]
            best = min((best, *((*best[:i], sigma, *best[i + 1 :]) for sigma in tries)), key=bound)
    return best


def prior_of(layer: LayerValues, sigma: float | None) -> LayerPrior:
    """The best prior for a layer; 0 nats, and nothing chosen, for one that is never noisy."""
    return best_prior(layer, sigma) if layer.can_be_noisy else NO_CHOICE
