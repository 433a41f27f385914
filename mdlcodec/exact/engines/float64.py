"""The float64 engine: integer-valued float64 matrices, exact while every |sum| stays below 2^53."""

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.exact.engines.matrix import Matrices


@njit(cache=True)
def _scaled(sums: np.ndarray, scales: np.ndarray, out: np.ndarray) -> None:
    for m in range(sums.shape[0]):
        for n in range(sums.shape[1]):
            out[m, n] = np.float32(sums[m, n] * scales[m] + 0.0)


class Float64Matrices(Matrices):
    """One plane of float64 integers; products by the machine's own matrix multiplication."""

    name = "float64"
    longest_sum = 1 << 12  # as far as the self-test goes: any length is exact

    @override
    def planes(self, integers: np.ndarray, digits: int) -> tuple[np.ndarray, ...]:
        return (integers.astype(np.float64),)

    @override
    def product(self, a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], scales: np.ndarray) -> np.ndarray:
        sums = torch.mm(torch.from_numpy(a[0]), torch.from_numpy(b[0]).t()).numpy()  # integers
        out = np.empty(sums.shape, np.float32)
        _scaled(sums, scales, out)
        return out

    @override
    def outer(self, a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], total: np.ndarray) -> None:
        total += torch.mm(torch.from_numpy(a[0]).t(), torch.from_numpy(b[0])).numpy()  # integers
