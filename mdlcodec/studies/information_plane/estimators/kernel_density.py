"""Kernel density: bounds on the entropy of a mixture of Gaussians (Kolchinsky & Tracey 2017), as Saxe et al.
2018 put them to layers, whose values stand for such Gaussians of variance sigma^2."""

from __future__ import annotations

from dataclasses import dataclass

from mdlcodec.studies.information_plane.estimators.contract import Estimate, Layer
from mdlcodec.studies.information_plane.estimators.distances import log_mean_kernels

UPPER, LOWER = 2.0, 8.0  # times sigma^2: how wide the kernels of either bound are


@dataclass(frozen=True)
class KernelDensity:
    """-1/N sum_i log2 1/N sum_j exp(-|h_i - h_j|^2 / (factor sigma^2)) over the sample; I(T;Y) without what
    the same says within classes."""

    factor: float
    variance: float

    def __call__(self, layer: Layer, /) -> Estimate:
        """See the class."""
        values, classes = layer.values[layer.sample], layer.classes[layer.sample]
        every, own = log_mean_kernels(values, values, classes, self.factor * self.variance, paired=True)
        return Estimate(float(-every.mean()) + 0.0, float((own - every).mean()) + 0.0, len(values))
