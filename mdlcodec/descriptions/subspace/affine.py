"""A random affine subspace of a network's weights: theta = theta_0 + P q (formats/subspace.md, "Subspace").

Source: Li et al. 2018 (section 2), Blier & Ollivier 2018 (section 3.2). P is never written down: coordinates go to
random places, through a Walsh-Hadamard transform, and take random signs. Both sides compute this, exactly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.hadamard import transform
from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Shape
from mdlcodec.nn.zoo import Architecture

LARGEST_COORDINATE = (1 << 15) - 1
LARGEST_DIMENSION = 1 << 20  # at most so many: sums stay below 2^35
START = 0.5  # size of theta_0, in He's
# of the quantisation, by their index, 0..255: 16 to an octave, from 2^-16 on
STEPS = np.array([(16 + (i & 15)) / (1 << (20 - (i >> 4))) for i in range(256)])

# operations that take as long as ...
COORDINATE = 16_000  # a coordinate's bits
TRANSFORMED = 8  # a value in one stage of the transform
_PLACE = 3_000  # a place in the permutation, and a weight's theta_0, gain and sign


def subspace_work(size: int) -> int:
    """Operations for a subspace whose transform is so long, and for one point in it."""
    return size * (_PLACE + TRANSFORMED * size.bit_length())


def transform_size(architecture: Architecture, shape: Shape, k: int) -> int:
    """Length of the transform: the smallest power of two that is not below the number of parameters."""
    return 1 << (architecture.parameters(shape, k) - 1).bit_length()


class AffineSubspace:
    """The subspace that a seed and a dimension name.

    ``initial``: theta_0, float32 (parameters,); ``gains``: float64 (parameters,), how far a unit moves each
    weight; ``places``: int64 (dimension,), of the coordinates in the transform; ``signs``: int8 (parameters,).
    """

    def __init__(self, architecture: Architecture, shape: Shape, k: int, seed: int, dimension: int) -> None:
        """shape: of an example's features. Raises BadData for inputs that do not fit."""
        self._shapes = {name: p.shape for name, p in architecture.tensors(shape, k).items()}
        normals, initial, gains = Stream(seed, Purpose.SUBSPACE_INITIAL), [], []
        for size in self._shapes.values():
            if len(size) > 1:
                he = np.sqrt(2.0 / math.prod(size[1:]))  # He et al. 2015
                initial.append(normals.normals((math.prod(size),)) * np.float32(START * he))
            else:  # a bias moves as far as the weights before it
                initial.append(np.zeros(size[0], np.float32))
            gains.append(np.full(math.prod(size), he))
        self.initial, self.gains = np.concatenate(initial), np.concatenate(gains)
        self.size = transform_size(architecture, shape, k)
        self.places = Stream(seed, Purpose.SUBSPACE_PLACES).permutation(self.size)[:dimension].copy()
        self.signs = (1 - 2 * Stream(seed, Purpose.SUBSPACE_SIGNS).below(2, self.initial.size)).astype(
            np.int8
        )

    def weights(self, coordinates: np.ndarray, step: float) -> dict[str, np.ndarray]:
        """The network at coordinates, integers (dimension,) up to +-LARGEST_COORDINATE, times a step."""
        values = np.zeros(self.size, np.int64)
        values[self.places] = coordinates
        transform(values)
        moved = (values[: self.signs.size] * self.signs).astype(np.float64)  # exact: below 2^35
        theta = (self.initial + moved * (self.gains * step)).astype(np.float32)
        return self.arranged(theta)

    def arranged(self, theta: Any) -> dict[str, Any]:
        """All parameters (parameters,), an array or a tensor, as the network's tensors by name; views."""
        tensors, start = {}, 0
        for name, size in self._shapes.items():
            stop = start + math.prod(size)
            tensors[name] = theta[start:stop].reshape(size)
            start = stop
        return tensors
