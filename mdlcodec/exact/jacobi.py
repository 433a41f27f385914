"""Eigenvectors of a small symmetric matrix by Jacobi's rotations (formats/arithmetic.md, section 8)."""

import numpy as np

from mdlcodec.compiled import njit

_SWEEPS = 12  # rotations shrink what is off the diagonal quadratically: far more than enough


@njit(cache=True)
def eigenvectors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a symmetric matrix, float64 (d, d): its eigenvalues (d,) and eigenvectors, the columns of (d, d), in the
    order in which they stand on the diagonal at the end."""
    d = matrix.shape[0]
    a, v = matrix.copy(), np.zeros((d, d), np.float64)
    for i in range(d):
        v[i, i] = 1.0
    for _ in range(_SWEEPS):
        for p in range(d - 1):
            for q in range(p + 1, d):
                if a[p, q] == 0.0:
                    continue
                theta = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                t = 1.0 / (abs(theta) + np.sqrt(theta * theta + 1.0))
                if theta < 0.0:
                    t = -t
                c = 1.0 / np.sqrt(t * t + 1.0)
                s = t * c
                for i in range(d):
                    x, y = a[i, p], a[i, q]
                    a[i, p] = c * x - s * y
                    a[i, q] = s * x + c * y
                for i in range(d):
                    x, y = a[p, i], a[q, i]
                    a[p, i] = c * x - s * y
                    a[q, i] = s * x + c * y
                for i in range(d):
                    x, y = v[i, p], v[i, q]
                    v[i, p] = c * x - s * y
                    v[i, q] = s * x + c * y
    values = np.empty(d, np.float64)
    for i in range(d):
        values[i] = a[i, i]
    return values, v
