"""Diffusion after the transition: how far weights have gone, direction by direction, and by which law.

A power law, distance = gamma tau^alpha with 0 < alpha <= 1/2 (Hu et al. 2017), and a logarithmic one,
distance = a + b log tau, "ultra-slow" (Hoffer et al. 2017), are both fitted, and compared by how far each is
from the logarithm of what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST = 4  # points of a fit


@dataclass(frozen=True)
class Law:
    """Fits of one quantity over tau - tau_0. ``alpha`` with its standard error ``error``, of the power law;
    ``scale``: gamma; ``power_residual``, ``logarithmic_residual``: root mean squares in natural
    logarithms."""

    alpha: float
    error: float
    scale: float
    power_residual: float
    logarithmic_residual: float

    @property
    def grows(self) -> bool:
        """Whether it grows by more than two standard errors."""
        return self.alpha > 2.0 * self.error

    @property
    def better(self) -> str:
        """The law with the smaller residual."""
        return "power" if self.power_residual <= self.logarithmic_residual else "logarithmic"


def law(times: np.ndarray, values: np.ndarray) -> Law | None:
    """``times``, ``values``: float64 (m,), positive. None for fewer than four of them."""
    there = (times > 0) & (values > 0)
    if there.sum() < _LEAST:
        return None
    t, v = np.log(times[there]), values[there]
    logs = np.log(v)
    slope, cut, residual = _line(t, logs)
    spread = float(((t - t.mean()) ** 2).sum())
    error = float(np.sqrt((residual**2).sum() / (len(t) - 2) / spread))
    b, a, _ = _line(t, v)
    ratio = np.log(np.maximum(a + b * t, 1e-3 * v.min()) / v)
    return Law(slope, error, float(np.exp(cut)), _rms(residual), _rms(ratio))


def _line(t: np.ndarray, v: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Slope, intercept and residuals of least squares."""
    centred = t - t.mean()
    slope = float((centred * v).sum() / (centred * centred).sum())
    cut = float(v.mean() - slope * t.mean())
    return slope, cut, v - cut - slope * t


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def predicted_information(
    signal: np.ndarray, first: np.ndarray, laws: list[Law | None], ratio: float, times: np.ndarray
) -> np.ndarray:
    """Equation 10, in bits at each time: directions that keep their eigenvalue say what they said first,
    those that grow 1/2 log2(1 + A_ii / (lambda_i(tau) + r)) with lambda_i(tau) by the power law fitted to it.

    signal, first: float64 (d_out,), A_ii and lambda_i at the first checkpoint after the transition.
    """
    total = np.zeros(len(times))
    for a, value, fitted in zip(signal.tolist(), first.tolist(), laws, strict=True):
        grown = fitted.scale * times**fitted.alpha if fitted is not None and fitted.grows else value
        noise = np.maximum(grown + ratio, 1e-30)
        total += 0.5 * np.log2(1.0 + a / noise)
    return total
