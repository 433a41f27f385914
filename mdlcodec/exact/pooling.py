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
def _max_of_windows(x, kernel, stride, y, winner):
    n, height, width, channels = y.shape
    for i in range(n):
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    best, place = x[i, stride * h, stride * w, c], 0
                    for dh in range(kernel):
                        for dw in range(kernel):
                            value = x[i, stride * h + dh, stride * w + dw, c]
                            if value > best:
                                best, place = value, dh * kernel + dw
                    y[i, h, w, c] = best
                    winner[i, h, w, c] = place


@njit(cache=True)
def _max_of_windows_gradient(g, winner, kernel, stride, dx):
    n, height, width, channels = g.shape
    if stride >= kernel:  # no two windows share a place
        for i in range(n):
            for h in range(height):
                for w in range(width):
                    for c in range(channels):
                        place = winner[i, h, w, c]
                        at_h, at_w = stride * h + place // kernel, stride * w + place % kernel
                        dx[i, at_h, at_w, c] = g[i, h, w, c]
        return
    total = np.empty(dx.shape[1:], np.float64)
    for i in range(n):
        total[:] = 0.0
        for h in range(height):
            for w in range(width):
                for c in range(channels):
                    place = winner[i, h, w, c]
                    at_h, at_w = stride * h + place // kernel, stride * w + place % kernel
                    total[at_h, at_w, c] += np.float64(g[i, h, w, c])
        _to_float32(total, 1.0, dx[i])


@njit(cache=True)
def _to_float32(total, divisor, out):
    """float32(total / divisor), (H, W, C)."""
    for h in range(total.shape[0]):
        for w in range(total.shape[1]):
            for c in range(total.shape[2]):
                out[h, w, c] = np.float32(total[h, w, c] / divisor)


@njit(cache=True)
def _average(x, kernel_h, kernel_w, stride, y):
    n, height, width, channels = y.shape
    places, total = np.float64(kernel_h * kernel_w), np.empty(channels, np.float64)
    for i in range(n):
        for h in range(height):
            for w in range(width):
                total[:] = 0.0
                for dh in range(kernel_h):
                    for dw in range(kernel_w):
                        for c in range(channels):
                            total[c] += np.float64(x[i, stride * h + dh, stride * w + dw, c])
                for c in range(channels):
                    y[i, h, w, c] = np.float32(total[c] / places)


@njit(cache=True)
def _average_gradient(g, kernel_h, kernel_w, stride, dx):
    n, height, width, channels = g.shape
    places = np.float64(kernel_h * kernel_w)
    alone = stride >= max(kernel_h, kernel_w)
    total = np.empty(dx.shape[1:] if not alone else (0, 0, 0), np.float64)
    for i in range(n):
        total[:] = 0.0
        for h in range(height):
            for w in range(width):
                for dh in range(kernel_h):
                    for dw in range(kernel_w):
                        at_h, at_w = stride * h + dh, stride * w + dw
                        if alone:  # no two windows share a place
                            for c in range(channels):
                                dx[i, at_h, at_w, c] = np.float32(np.float64(g[i, h, w, c]) / places)
                        else:
                            for c in range(channels):
                                total[at_h, at_w, c] += np.float64(g[i, h, w, c])
        if not alone:
            _to_float32(total, places, dx[i])


def windows(shape: tuple[int, ...], kernel: int, stride: int) -> tuple[int, int]:
    """Rows and columns of the windows that fit into images (N, H, W, C); what is left at the ends is left out."""
    return max(0, (shape[1] - kernel) // stride + 1), max(0, (shape[2] - kernel) // stride + 1)


class MaxPool(Function):
    """The largest of every window, its first place in row order among equals; 2x2 with stride 2 by default."""

    @staticmethod
    def forward(x: np.ndarray, kernel: int = 2, stride: int = 2) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, (H - kernel) div stride + 1, (W - kernel) div stride + 1, C)."""
        y = np.empty((x.shape[0], *windows(x.shape, kernel, stride), x.shape[3]), np.float32)
        if kernel == stride == 2:
            winner = np.empty(y.shape, np.int8)
            _max_pool(x, y, winner)
        else:
            winner = np.empty(y.shape, np.int32)
            _max_of_windows(x, kernel, stride, y, winner)
        return y, (winner, x.shape, kernel, stride)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient goes to the winner alone. Where windows overlap, a place adds up what it won in float64,
        windows in row order, and rounds once."""
        winner, shape, kernel, stride = saved
        dx = np.zeros(shape, np.float32)
        if kernel == stride == 2:
            _max_pool_gradient(g, winner, dx)
        else:
            _max_of_windows_gradient(g, winner, kernel, stride, dx)
        return (dx,)


@njit(cache=True, nogil=True)
def _global_maximum(x, y, winner):
    n, places, channels = x.shape
    for i in range(n):
        for c in range(channels):
            y[i, c] = x[i, 0, c]
            winner[i, c] = 0
        for place in range(1, places):
            for c in range(channels):
                if x[i, place, c] > y[i, c]:
                    y[i, c] = x[i, place, c]
                    winner[i, c] = place


@njit(cache=True, nogil=True)
def _global_maximum_gradient(g, winner, dx):
    for i in range(g.shape[0]):
        for c in range(g.shape[1]):
            dx[i, winner[i, c], c] = g[i, c]


class GlobalMaximum(Function):
    """`MaxPool` with one window, the whole image."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        n, height, width, channels = x.shape
        y, winner = np.empty((n, channels), np.float32), np.empty((n, channels), np.int64)
        _global_maximum(x.reshape(n, height * width, channels), y, winner)
        return y, (winner, x.shape)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient goes to the winner alone."""
        winner, shape = saved
        n, height, width, channels = shape
        dx = np.zeros((n, height * width, channels), np.float32)
        _global_maximum_gradient(g, winner, dx)
        return (dx.reshape(shape),)


class AveragePool(Function):
    """The mean of every window, added in row order in float64, divided and rounded once."""

    @staticmethod
    def forward(x: np.ndarray, kernel: int, stride: int) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, (H - kernel) div stride + 1, (W - kernel) div stride + 1, C)."""
        y = np.empty((x.shape[0], *windows(x.shape, kernel, stride), x.shape[3]), np.float32)
        _average(x, kernel, kernel, stride, y)
        return y, (x.shape, kernel, stride)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """An equal share of every window's gradient to each of its places: gradients are added in float64,
        windows in row order, divided and rounded once."""
        shape, kernel, stride = saved
        dx = np.zeros(shape, np.float32)
        _average_gradient(g, kernel, kernel, stride, dx)
        return (dx,)


class GlobalAverage(Function):
    """`AveragePool` with one window, the whole image."""

    @staticmethod
    def forward(x: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, C)."""
        n, height, width, channels = x.shape
        y = np.empty((n, 1, 1, channels), np.float32)
        _average(x, height, width, max(height, width), y)
        return y.reshape(n, channels), x.shape

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """An equal share to every place."""
        dx = np.empty(saved, np.float32)
        _average_gradient(g[:, None, None, :], saved[1], saved[2], max(saved[1:3]), dx)
        return (dx,)


class Subsample(Function):
    """Every ``stride``-th place, with channels of zeros on either side: a shortcut without weights between maps
    of two sizes (He et al. 2016, option A)."""

    @staticmethod
    def forward(x: np.ndarray, stride: int, before: int, after: int) -> tuple[np.ndarray, Any]:
        """float32 (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), before + C + after)."""
        kept = x[:, ::stride, ::stride]
        y = np.zeros((*kept.shape[:3], before + x.shape[3] + after), np.float32)
        y[..., before : before + x.shape[3]] = kept
        return y, (x.shape, stride, before)

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Zero at the places that were left out."""
        shape, stride, before = saved
        dx = np.zeros(shape, np.float32)
        dx[:, ::stride, ::stride] = g[..., before : before + shape[3]]
        return (dx,)
