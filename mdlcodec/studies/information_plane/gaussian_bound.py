"""Equation 9 of Shwartz-Ziv et al. 2018: what a Gaussian channel lets through whose noise is how far the
weights have diffused.

w are a layer's weights at the transition, d = W(tau) - w what was added since; T w is the signal, T d + Z the
noise. It bounds what such a channel carries, not the binned I(X;T) of a network whose weights are fixed, and
it falls whenever d grows, whatever makes it grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GaussianBound:
    """In bits: ``directions`` is the sum over the eigenvectors of d'd (equation 9), ``determinant`` the
    tighter form before Hadamard's inequality; ``signal``: A_ii, and ``eigenvalues``: lambda_i, float64
    (d_out,), largest first."""

    directions: float
    determinant: float
    signal: np.ndarray
    eigenvalues: np.ndarray


def gaussian_bound(w: np.ndarray, d: np.ndarray, ratio: float) -> GaussianBound:
    """w, d: float64 (d_in, d_out); ``ratio``: variance of Z over that of the layer's inputs, sigma_z^2 /
    sigma_T^2."""
    eigenvalues, q = np.linalg.eigh(d.T @ d)
    eigenvalues, q = np.maximum(eigenvalues[::-1], 0.0), q[:, ::-1]
    projected = w @ q
    signal = (projected * projected).sum(axis=0)
    # where neither noise nor signal is, nothing passes; where there is no noise, everything does
    noise = eigenvalues + ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(signal > 0.0, signal / noise, 0.0)
        directions = 0.5 * float(np.log2(1.0 + shares).sum())
        # det(I + N^-1/2 w'w N^-1/2) in the eigenvectors' basis, where N is diagonal
        scaled = projected / np.sqrt(noise)
    if not np.isfinite(scaled).all():
        return GaussianBound(directions, directions, signal, eigenvalues)
    values = np.linalg.svd(scaled, compute_uv=False)
    determinant = 0.5 * float(np.log2(1.0 + values * values).sum())
    return GaussianBound(directions, min(determinant, directions), signal, eigenvalues)


def bin_noise(width: float) -> float:
    """Variance of a uniform error in bins of that width: sigma_z = width / sqrt(12)."""
    return width * width / 12.0
