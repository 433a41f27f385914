"""Estimators of what a layer knows, side by side: one number that is drawn alone is no mutual information.

A new one is one new file and one line in `estimators`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mdlcodec.studies.information_plane.estimators.authors import authors
from mdlcodec.studies.information_plane.estimators.bins import NESTED, EqualBins, quantile_bins
from mdlcodec.studies.information_plane.estimators.by_file import by_file
from mdlcodec.studies.information_plane.estimators.contract import Estimate, Estimator, Layer
from mdlcodec.studies.information_plane.estimators.kernel_density import LOWER, UPPER, KernelDensity
from mdlcodec.studies.information_plane.estimators.noisy import NoisyNetwork

BY_FILE = "by file"


def estimators(variance: float, beta: float) -> Mapping[str, Estimator]:
    """By name; ``variance``: of kernels, sigma^2; ``beta``: deviation of a noisy network's noise."""
    return {
        "authors": authors,
        **{f"{bins} bins": EqualBins(bins) for bins in NESTED},
        "quantiles": quantile_bins,
        "kernels, upper": KernelDensity(UPPER, variance),
        "kernels, lower": KernelDensity(LOWER, variance),
        "noisy network": NoisyNetwork(beta),
        BY_FILE: by_file,
    }


__all__ = ["BY_FILE", "Estimate", "Estimator", "Layer", "estimators"]
