"""A noisy network: T = f(X) + N(0, beta^2), of which both informations are finite and a network's own
(Goldfeld et al. 2019, here with noise after this layer alone).

I = E log2 p(t|x) / p(t), p(t) the mixture over the sample, the mean over one draw of noise an example.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdlcodec.exact.random import Stream
from mdlcodec.studies.information_plane.estimators.contract import Estimate, Layer
from mdlcodec.studies.information_plane.estimators.distances import log_mean_kernels

_PURPOSE = 0x6E6F697365  # of its stream


@dataclass(frozen=True)
class NoisyNetwork:
    """``beta``: deviation of the noise."""

    beta: float

    def __call__(self, layer: Layer, /) -> Estimate:
        """Over the sample."""
        values, classes = layer.values[layer.sample].astype(np.float64), layer.classes[layer.sample]
        noise = self.beta * Stream(0, _PURPOSE).normals(values.shape).astype(np.float64)
        width = 2.0 * self.beta * self.beta
        every, own = log_mean_kernels(values + noise, values, classes, width)
        likelihood = (noise * noise).sum(axis=1) / -width * np.log2(np.e)
        return Estimate(float((likelihood - every).mean()), float((own - every).mean()), len(values))
