"""Plain gradient descent and descent with momentum, elementwise and in the order written: the same bits
everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mdlcodec.exact.optimisers import Adam, Optimiser
from mdlcodec.saved import Saved, taken


class Descent:
    """w -= rate * m with m = momentum * m + gradient; plain where the momentum is 0 (Shwartz-Ziv et al. 2018,
    section 2.1)."""

    def __init__(self, weights: np.ndarray, momentum: float) -> None:
        self._moving, self._momentum = np.zeros_like(weights), np.float32(momentum)

    def step(self, weights: np.ndarray, gradient: np.ndarray, rate: float, decay: float) -> None:
        """One update in place; float32 (parameters,). ``decay``: of weights, times the rate."""
        self._moving *= self._momentum
        self._moving += gradient
        if decay:
            weights -= np.float32(rate * decay) * weights
        weights -= np.float32(rate) * self._moving

    def saved(self) -> dict[str, np.ndarray]:
        """The moving sum, float32 (parameters,)."""
        return {"moving": self._moving}

    def restore(self, saved: Saved) -> None:
        """Goes on from there. Raises CorruptFile."""
        self._moving[...] = taken(saved, "moving", np.float32, self._moving.shape)


OPTIMISERS: Mapping[str, Callable[[np.ndarray], Optimiser]] = {
    "sgd": lambda weights: Descent(weights, 0.0),
    "momentum": lambda weights: Descent(weights, 0.9),
    "adam": Adam,
}
RATES = {"sgd": 0.1, "momentum": 0.02, "adam": 4e-4}
"""Of each by default; Adam's is that of Shwartz-Ziv & Tishby 2017."""
