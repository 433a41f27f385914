"""What nodes over sequences share: an example is (t,) symbols or (t, d) values, in memory (N, T) and (N, T, D)."""

from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Shape


def places_and_features(shape: Shape, what: str) -> tuple[int, int]:
    """(t, d) of a sequence. Raises BadData for what is none; ``what``: the node, for people."""
    if len(shape) != 2:
        raise BadData(f"{what} takes values at places, (t, d), not values of shape {shape}")
    return shape[0], shape[1]


def on_cpu(x: Any) -> np.ndarray:
    """An array of the CPU's. Raises BadData for a device's."""
    if not isinstance(x, np.ndarray):
        raise BadData(
            "networks over sequences compute on the CPU alone; leave out --device and MDLCODEC_ENGINE"
        )
    return x
