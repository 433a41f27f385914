"""Filters under which patches of the inputs are uncorrelated and of one size (formats/prequential.md, "Whitening").

Both sides find them from the first inputs, without labels: the eigenvectors of the covariance of 2x2 patches, each
also with the other sign (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.jacobi import eigenvectors
from mdlcodec.exact.linear import Convolution as Product
from mdlcodec.exact.sums import column_sums
from mdlcodec.nn.node import Backward, Pass, Plain, Shape

_SIDE = 2
_IMAGES = 1000  # the first ones
_SHARE = 5e-4  # of the mean eigenvalue, which is added to each
_LEAST = 1e-12  # patches with a smaller mean eigenvalue are all alike


@dataclass(frozen=True, eq=False)
class Whitening(Plain):
    """(c, h, w) -> (filters, h - k + 1, w - k + 1), for the inputs of a network alone.

    ``weights``: float32 (filters, k, k, c); ``bias``: float32 (filters,). Neither is trained or part of the state.
    """

    weights: np.ndarray
    bias: np.ndarray

    def outputs(self, *inputs: Shape) -> Shape:
        """See the class. Raises BadData for other channels, or maps that are too small."""
        filters, kernel, _, channels = self.weights.shape
        if len(inputs[0]) != 3 or inputs[0][0] != channels or min(inputs[0][1:]) < kernel:
            raise BadData(f"whitening is for maps of {channels} channels, not values of shape {inputs[0]}")
        return (filters, inputs[0][1] - kernel + 1, inputs[0][2] - kernel + 1)

    def operations(self, *inputs: Shape) -> int:
        """One for each weight and place."""
        _, height, width = self.outputs(*inputs)
        return self.weights.size * height * width

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H', W', filters)."""
        array, arithmetic = run.arithmetic.functions.array, run.with_digits(INPUT_DIGITS)
        return Product.forward(x[0], array(self.weights), array(self.bias), 0, arithmetic)[0], None

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """Nothing below is trained."""
        return (None,), ()


def _patches(images: np.ndarray) -> np.ndarray:
    """float32 (n, h, w, c) -> float64 (n * (h - 1) * (w - 1), 4 c): places in row order, channels within."""
    height, width, channels = images.shape[1:]
    views = [
        images[:, y : height - _SIDE + 1 + y, x : width - _SIDE + 1 + x]
        for y in range(_SIDE)
        for x in range(_SIDE)
    ]
    return np.concatenate(views, axis=3).reshape(-1, _SIDE * _SIDE * channels).astype(np.float64)


def whitening_of(images: np.ndarray) -> Whitening:
    """The filters for images float32 (n, h, w, c), h and w at least 2: 8 c of them."""
    patches = _patches(images[:_IMAGES])
    rows, size = patches.shape
    count = np.float64(rows)
    means = column_sums(patches) / count
    patches = patches - means
    covariance = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            products = (patches[:, i] * patches[:, j]).reshape(-1, 1)
            covariance[i, j] = covariance[j, i] = column_sums(products)[0] / count
    values, vectors = eigenvectors(covariance)
    trace = np.float64(0.0)
    for i in range(size):
        trace = trace + covariance[i, i]
    mean = trace / np.float64(size)
    floor = _SHARE * mean if mean > _LEAST else np.float64(1.0)
    filters = np.empty((2 * size, size), np.float32)
    biases = np.empty(2 * size, np.float32)
    for i in range(size):
        scale = np.sqrt(np.maximum(values[i], 0.0) + floor)
        shift = np.float64(0.0)
        for j in range(size):
            weight = vectors[j, i] / scale
            shift = shift + weight * means[j]
            filters[i, j], filters[size + i, j] = weight, -weight
        biases[i], biases[size + i] = -shift, shift
    return Whitening(filters.reshape(2 * size, _SIDE, _SIDE, -1), biases)


def unfitted_whitening(channels: int) -> Whitening:
    """Filters of the same shape for images of so many channels, all 0: what they cost is known without inputs."""
    filters = 2 * _SIDE * _SIDE * channels
    return Whitening(np.zeros((filters, _SIDE, _SIDE, channels), np.float32), np.zeros(filters, np.float32))


def whitening_memory(shape: tuple[int, ...]) -> int:
    """Bytes that finding the filters of images (n, h, w, c) takes."""
    n, height, width, channels = shape
    return 3 * 8 * _SIDE * _SIDE * min(n, _IMAGES) * height * width * channels
