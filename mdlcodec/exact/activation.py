"""Activations and sums of two as exact functions (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import tanh
from mdlcodec.exact.function import Function


@njit(cache=True)
def _rectify(z: np.ndarray, y: np.ndarray) -> None:
    for i in range(z.size):
        # not a maximum: its result for -0 and 0 differs between machines
        y[i] = z[i] if z[i] > 0 else np.float32(0)


@njit(cache=True)
def _rectify_gradient(g: np.ndarray, y: np.ndarray, dz: np.ndarray) -> None:
    for i in range(g.size):
        dz[i] = g[i] if y[i] > 0 else np.float32(0)


class Rectify(Function):
    """max(z, 0), with +0 for every z that is not positive."""

    @staticmethod
    def forward(z: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 of any shape -> the same shape."""
        y = np.empty_like(z)
        _rectify(z.reshape(-1), y.reshape(-1))
        return y, y

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient where y > 0."""
        dz = np.empty_like(g)
        _rectify_gradient(g.reshape(-1), saved.reshape(-1), dz.reshape(-1))
        return (dz,)


@njit(cache=True, error_model="numpy")  # a check for zero would keep the loop from vectorising
def _tanh(z: np.ndarray, y: np.ndarray) -> None:
    for i in range(z.size):
        y[i] = np.float32(tanh(np.float64(z[i])))


@njit(cache=True)
def _tanh_gradient(g: np.ndarray, y: np.ndarray, dz: np.ndarray) -> None:
    for i in range(g.size):
        value = np.float64(y[i])
        dz[i] = np.float32(np.float64(g[i]) * (1.0 - value * value))


class Tanh(Function):
    """The hyperbolic tangent of section 4, rounded once to float32."""

    @staticmethod
    def forward(z: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 of any shape -> the same shape."""
        y = np.empty_like(z)
        _tanh(z.reshape(-1), y.reshape(-1))
        return y, y

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """f32(g * (1 - y * y)) in float64, y as it was rounded: its square is exact."""
        dz = np.empty_like(g)
        _tanh_gradient(g.reshape(-1), saved.reshape(-1), dz.reshape(-1))
        return (dz,)


@njit(cache=True)
def _added(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    for i in range(a.size):
        y[i] = a[i] + b[i]


class Add(Function):
    """The sum of two arrays of one shape, one rounding; as IEEE-754 has it, a zero is +0 unless both are -0."""

    @staticmethod
    def forward(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Any]:
        """float32 of one shape."""
        y = np.empty_like(a)
        _added(a.reshape(-1), b.reshape(-1), y.reshape(-1))
        return y, None

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The gradient itself for both, one array."""
        return (g, g)


@njit(cache=True)
def _masked(
    x: np.ndarray, quarters: np.ndarray, threshold: np.uint32, factor: np.float32, y: np.ndarray
) -> None:
    for i in range(x.size):
        y[i] = x[i] * factor if np.uint32(quarters[i]) < threshold else np.float32(0)


def _quarters(words: np.ndarray) -> np.ndarray:
    """The 16 bits that decide each value: uint64 (m,) -> uint16 (4 m,), of each word the lowest first."""
    quarters: np.ndarray = words.astype("<u8", copy=False).view("<u2").astype(np.uint16, copy=False)
    return quarters


def words_from(words: np.ndarray, first: int) -> np.ndarray:
    """Words whose 16-bit quarters start at quarter ``first``, 0..3, of these, lowest first: uint64 (m,) -> (m,)."""
    if first == 0:
        return words
    later = np.zeros_like(words)
    later[:-1] = words[1:]
    return (words >> np.uint64(16 * first)) | (later << np.uint64(64 - 16 * first))


class Dropout(Function):
    """Keeps each value with probability ``keep`` / 65536 and multiplies it by float32(65536 / keep)."""

    @staticmethod
    def forward(x: np.ndarray, words: np.ndarray, keep: int, first: int = 0) -> tuple[np.ndarray, Any]:
        """float32 of any shape; words uint64, at least (first + size) / 4 of them, lowest 16 bits first.

        ``first``, 0..3: the quarter of the first word that decides the first value. A part of a batch begins at
        value i of it: at word i // 4 of the batch's, and at quarter i % 4.
        """
        saved = _quarters(words_from(words, first)), np.uint32(keep), np.float32(65536 / keep)
        y = np.empty_like(x)
        _masked(x.reshape(-1), *saved, y.reshape(-1))
        return y, saved

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The same mask and factor."""
        dx = np.empty_like(g)
        _masked(g.reshape(-1), *saved, dx.reshape(-1))
        return (dx,)
