"""Optimisers and weight averages over flat float32 vectors (formats/arithmetic.md, section 7).

One rounding per operation, in the order written; square roots are correctly rounded.
"""

from typing import Any, Protocol

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.device import optimisers as device
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size
from mdlcodec.saved import Saved, taken

_f32 = np.float32


@njit(cache=True, nogil=True, error_model="numpy")  # a check for zero would keep the loop from vectorising
def _adam(weights, gradient, first, second, step, decay, beta1, beta2, epsilon, start, stop):
    one, rate, correction = np.float32(1), step[0], step[1]
    # slices: indices known not to be negative keep the loop vectorised
    weights, gradient = weights[start:stop], gradient[start:stop]
    first, second = first[start:stop], second[start:stop]
    for i in range(weights.size):
        g = gradient[i]
        m = beta1 * first[i] + (one - beta1) * g
        v = beta2 * second[i] + (one - beta2) * (g * g)
        first[i] = m
        second[i] = v
        w = weights[i] - decay * weights[i]
        weights[i] = w - rate * m / (np.sqrt(v * correction) + epsilon)


@njit(cache=True, nogil=True)
def _adam_shared(job, count, each, *arguments):
    return share(job, *entry(_adam, arguments), count, each)


class Optimiser(Protocol):
    """Adam, over the arrays that the weights are."""

    def step(self, weights: Any, gradient: Any, rate: float, decay: float) -> None:
        """One update in place, as `Adam.step`."""

    def saved(self) -> dict[str, np.ndarray]:
        """Moments, float32 (parameters,), and powers of beta, float64 (2,)."""

    def restore(self, saved: Saved) -> None:
        """Goes on from these. Raises CorruptFile."""


class Adam:
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019)."""

    def __init__(self, weights: np.ndarray, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self._first, self._second = np.zeros_like(weights), np.zeros_like(weights)
        self._beta1, self._beta2 = _f32(beta1), _f32(beta2)
        self._power1, self._power2 = 1.0, 1.0

    def step(self, weights: np.ndarray, gradient: np.ndarray, rate: float, decay: float) -> None:
        """One update in place; ``rate`` the learning rate, ``decay`` the weight decay (times the rate)."""
        # powers of beta as running products in float64: no libm
        self._power1 *= float(self._beta1)
        self._power2 *= float(self._beta2)
        step = np.array([rate / (1.0 - self._power1), 1.0 / (1.0 - self._power2)], _f32)
        decays = _f32(rate * decay), self._beta1, self._beta2, _f32(1e-8)
        arguments = weights, gradient, self._first, self._second, step, *decays
        each = part_size(weights.size, 1024, 2 * weights.size * VALUE)
        in_parts(_adam, _adam_shared, arguments, weights.size, each)

    def saved(self) -> dict[str, np.ndarray]:
        """See `Optimiser`."""
        powers = np.array([self._power1, self._power2])
        return {"first": self._first, "second": self._second, "powers": powers}

    def restore(self, saved: Saved) -> None:
        """See `Optimiser`."""
        for name, own in (("first", self._first), ("second", self._second)):
            own[...] = taken(saved, name, np.float32, own.shape)
        self._power1, self._power2 = map(float, taken(saved, "powers", np.float64, (2,), 0.0, 1.0))


@njit(cache=True)
def _move_towards(average, weights, rate):
    for i in range(average.size):
        average[i] = average[i] + (weights[i] - average[i]) * rate


def move_towards(average: Any, weights: Any, rate: np.float32) -> None:
    """average += (weights - average) * rate, float32 (parameters,): an exponential weight average."""
    (_move_towards if isinstance(average, np.ndarray) else device.move_towards)(average, weights, rate)


def adam_for(weights: Any, beta2: float) -> Optimiser:
    """Adam for weights that are numpy's, or a device's tensor."""
    return (Adam if isinstance(weights, np.ndarray) else device.Adam)(weights, beta2=beta2)
