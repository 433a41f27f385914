"""Equal bins of a layer's range, each number of which refines the one before, and bins of equal shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdlcodec.studies.information_plane.estimators.contract import Estimate, Layer
from mdlcodec.studies.information_plane.estimators.plug_in import of_indices

NESTED = (2, 8, 32, 128)
QUANTILES = 32


def indices(layer: Layer, bins: int) -> np.ndarray:
    """float32 (n, d) -> uint8 (n, d), 0..bins - 1; ``bins`` divides the largest of `NESTED`, so that bins are
    nested whatever is rounded."""
    finest = NESTED[-1]
    wide = max(layer.high - layer.low, 1e-30)
    places = (layer.values.astype(np.float64) - layer.low) / wide * finest
    return (np.clip(np.floor(places), 0, finest - 1).astype(np.int64) // (finest // bins)).astype(np.uint8)


@dataclass(frozen=True)
class EqualBins:
    """Plug-in entropies of so many equal bins, over all examples."""

    bins: int

    def __call__(self, layer: Layer, /) -> Estimate:
        """See the class."""
        return of_indices(indices(layer, self.bins), layer.classes)


def quantile_bins(layer: Layer) -> Estimate:
    """The same of bins that each have the same share of the layer's values at this checkpoint."""
    ordered = np.sort(layer.values, axis=None)
    cuts = ordered[np.arange(1, QUANTILES) * ordered.size // QUANTILES]
    return of_indices(np.searchsorted(cuts, layer.values, "right").astype(np.uint8), layer.classes)
