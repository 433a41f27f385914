"""The bins of Shwartz-Ziv & Tishby 2017, as their program has them.

Its index is ``digitize - 1``, which is -1 for values below -1: that is Python's last place, so they fall into
the top bin. Values of 1 and more, a ReLU's too, are there as well.
"""

from __future__ import annotations

import numpy as np

from mdlcodec.studies.information_plane.estimators.contract import Estimate, Layer
from mdlcodec.studies.information_plane.estimators.plug_in import of_indices

EDGES = np.linspace(-1, 1, 30, dtype=np.float32)


def indices(values: np.ndarray) -> np.ndarray:
    """float32 (n, d) -> uint8 (n, d), 0..29."""
    return ((np.digitize(values, EDGES) - 1) % len(EDGES)).astype(np.uint8)


def authors(layer: Layer) -> Estimate:
    """Plug-in entropies of these bins, over all examples."""
    return of_indices(indices(layer.values), layer.classes)
