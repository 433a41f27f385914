"""Pooling of images (N, H, W, C) as exact functions (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.function import Function


@njit(cache=True)
def _max_pool(x: np.ndarray, y: np.ndarray, winner: np.ndarray) -> None:
    n, height, width, channels = y.shape
    for i in range(n):
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    best, place = x[i, 2 * h, 2 * w, c], np.int8(0)
                    # strictly greater: the first of equal values in row order wins
                    if x[i, 2 * h, 2 * w + 1, c] > best:
                        best, place = x[i, 2 * h, 2 * w + 1, c], np.int8(1)
                    if x[i, 2 * h + 1, 2 * w, c] > best:
                        best, place = x[i, 2 * h + 1, 2 * w, c], np.int8(2)
                    if x[i, 2 * h + 1, 2 * w + 1, c] > best:
                        best, place = x[i, 2 * h + 1, 2 * w + 1, c], np.int8(3)
                    y[i, h, w, c] = best
                    winner[i, h, w, c] = place


@njit(cache=True)
def _max_pool_gradient(g: np.ndarray, winner: np.ndarray, dx: np.ndarray) -> None:
    n, height, width, channels = g.shape
    for i in range(n):
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    place = winner[i, h, w, c]
                    dx[i, 2 * h + (place >> 1), 2 * w + (place & 1), c] = g[i, h, w, c]


@njit(cache=True)
def _global_average(x: np.ndarray, y: np.ndarray) -> None:
    n, height, width, channels = x.shape
    total = np.empty(channels, np.float64)
    for i in range(n):
        total[:] = 0.0
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    total[c] += np.float64(x[i, h, w, c])
        for c in range(channels):
            y[i, c] = np.float32(total[c] / np.float64(height * width))


@njit(cache=True)
def _global_average_gradient(g: np.ndarray, dx: np.ndarray) -> None:
    n, height, width, channels = dx.shape
    for i in range(n):
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    dx[i, h, w, c] = np.float32(np.float64(g[i, c]) / np.float64(height * width))


class MaxPool(Function):
    """2x2 maximum, stride 2; an odd last row or column is left out."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, H // 2, W // 2, C)."""
        n, height, width, channels = x.shape
        y = np.empty((n, height // 2, width // 2, channels), np.float32)
        winner = np.empty(y.shape, np.int8)
        _max_pool(x, y, winner)
        return y, (winner, x.shape)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient goes to the winner alone."""
        winner, shape = saved
        dx = np.zeros(shape, np.float32)
        _max_pool_gradient(g, winner, dx)
        return (dx,)


class GlobalAverage(Function):
    """Mean over all places of each image, summed in row order in float64."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        y = np.empty((x.shape[0], x.shape[3]), np.float32)
        _global_average(x, y)
        return y, x.shape

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """An equal share to every place."""
        dx = np.empty(saved, np.float32)
        _global_average_gradient(g, dx)
        return (dx,)
