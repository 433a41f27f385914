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


def queries_keys_values(shape: Shape, heads: int, what: str) -> tuple[int, int]:
    """(t, d) of a sequence (t, 3 d) of queries, keys and values of so many heads. Raises BadData for what is no
    such sequence."""
    length, features = places_and_features(shape, what)
    if features % (3 * heads) or not features:
        raise BadData(
            f"{what} of {heads} heads takes queries, keys and values, a multiple of {3 * heads} features, not "
            f"{features}"
        )
    return length, features // 3


def on_cpu(x: Any) -> np.ndarray:
    """An array of the CPU's. Raises BadData for a device's."""
    if not isinstance(x, np.ndarray):
        raise BadData(
            "networks over sequences compute on the CPU alone; leave out --device and MDLCODEC_ENGINE"
        )
    return x
