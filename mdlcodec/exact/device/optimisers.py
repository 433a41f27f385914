"""Adam and the weight average. See `mdlcodec.exact.optimisers`."""

import numpy as np
import torch

from mdlcodec.exact.device.elementary import square_root
from mdlcodec.saved import Saved, taken


def _f32(value: float) -> float:
    return float(np.float32(value))


class Adam:
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019)."""

    def __init__(self, weights: torch.Tensor, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self._first, self._second = torch.zeros_like(weights), torch.zeros_like(weights)
        self._beta1, self._beta2 = _f32(beta1), _f32(beta2)
        self._power1, self._power2 = 1.0, 1.0

    def step(self, weights: torch.Tensor, gradient: torch.Tensor, rate: float, decay: float) -> None:
        """One update in place; ``rate`` the learning rate, ``decay`` the weight decay (times the rate)."""
        self._power1 *= self._beta1
        self._power2 *= self._beta2
        step, correction = _f32(rate / (1.0 - self._power1)), _f32(1.0 / (1.0 - self._power2))
        # 1 - beta is exact in float32 for beta in [1/2, 1]
        self._first = self._first * self._beta1 + gradient * _f32(1.0 - self._beta1)
        self._second = self._second * self._beta2 + (gradient * gradient) * _f32(1.0 - self._beta2)
        # float32 roots by way of float64: 53 bits are more than twice 24 and two, so both roundings agree with one
        root = square_root((self._second * correction).double()).float()
        decayed = weights - weights * _f32(rate * decay)
        weights.copy_(decayed - (self._first * step) / (root + _f32(1e-8)))

    def saved(self) -> dict[str, np.ndarray]:
        """See `mdlcodec.exact.optimisers.Optimiser`."""
        moments = {"first": self._first.cpu().numpy(), "second": self._second.cpu().numpy()}
        return {**moments, "powers": np.array([self._power1, self._power2])}

    def restore(self, saved: Saved) -> None:
        """See `mdlcodec.exact.optimisers.Optimiser`."""
        for name, own in (("first", self._first), ("second", self._second)):
            own.copy_(torch.from_numpy(taken(saved, name, np.float32, tuple(own.shape))))
        self._power1, self._power2 = map(float, taken(saved, "powers", np.float64, (2,), 0.0, 1.0))


def move_towards(average: torch.Tensor, weights: torch.Tensor, rate: np.float32) -> None:
    """average += (weights - average) * rate, float32 (parameters,)."""
    average.copy_(average + (weights - average) * float(rate))
