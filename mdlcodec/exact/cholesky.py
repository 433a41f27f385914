"""Squared distances and the Cholesky factor in float64, every element in a stated order of additions.

An n x n symmetric matrix is kept as its upper triangle, packed by rows: entry (i, j), i <= j, lies at
``row_starts(n)[i] + j``. Blocks only decide which elements are worked on when; each element sees its own
operations in ascending order of k (formats/kernel.md), so block sizes and threads change no bit.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.threads import in_right_state

ROWS, COLUMNS, DEPTH = 64, 256, 64  # a block: 128 KiB for the results, as much for the panel they are made of


def row_starts(n: int) -> np.ndarray:
    """Where row i of a packed upper triangle would have its column 0: int64 (n,)."""
    i = np.arange(n, dtype=np.int64)
    return i * n - i * (i + 1) // 2


def packed_size(n: int) -> int:
    """Elements of a packed upper triangle."""
    return n * (n + 1) // 2


def in_threads(task: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Run ``task`` on every item, as many at a time as numba has threads; tasks must not share results."""
    with ThreadPoolExecutor(max_workers=numba.config.NUMBA_NUM_THREADS) as pool:
        try:
            for _ in pool.map(in_right_state(task), items):
                pass
        except BaseException:  # an interrupt too: do not start what is still waiting
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@njit(cache=True, nogil=True)
def _subtract_products(
    block: np.ndarray,
    panel: np.ndarray,
    source: np.ndarray,
    starts: np.ndarray,
    depth: int,
    i0: int,
    rows: int,
    j0: int,
    width: int,
) -> None:
    """block[r, c] -= s[k, i0 + r] * s[k, j0 + c] for k = 0, 1, ..., depth - 1, one after another."""
    for k0 in range(0, depth, DEPTH):
        k1 = min(k0 + DEPTH, depth)
        for k in range(k0, k1):
            start = starts[k] + j0
            for c in range(width):
                panel[k - k0, c] = source[start + c]
        for r in range(0, rows - rows % 4, 4):
            b0, b1, b2, b3 = block[r], block[r + 1], block[r + 2], block[r + 3]
            for k in range(k0, k1):
                start = starts[k] + i0 + r
                a0, a1, a2, a3 = source[start], source[start + 1], source[start + 2], source[start + 3]
                p = panel[k - k0]
                for c in range(width):
                    v = p[c]
                    b0[c] = b0[c] - a0 * v
                    b1[c] = b1[c] - a1 * v
                    b2[c] = b2[c] - a2 * v
                    b3[c] = b3[c] - a3 * v
        for r in range(rows - rows % 4, rows):
            b0 = block[r]
            for k in range(k0, k1):
                a0 = source[starts[k] + i0 + r]
                p = panel[k - k0]
                for c in range(width):
                    b0[c] = b0[c] - a0 * p[c]


@njit(cache=True, nogil=True)
def _negative_products(source: np.ndarray, out: np.ndarray, i0: int) -> None:
    """Rows i0..i0+ROWS-1 of 0 - x_i . x_j (i <= j), packed; source float64 (d, n), one example a column."""
    d, n = source.shape
    flat = source.reshape(d * n)
    starts = np.arange(d) * n
    block, panel = np.empty((ROWS, COLUMNS)), np.empty((DEPTH, COLUMNS))
    rows = min(ROWS, n - i0)
    for j0 in range(i0, n, COLUMNS):
        width = min(COLUMNS, n - j0)
        block[:, :] = 0.0
        _subtract_products(block, panel, flat, starts, d, i0, rows, j0, width)
        for r in range(rows):
            i = i0 + r
            start = i * n - i * (i + 1) // 2
            for c in range(max(0, i - j0), width):
                out[start + j0 + c] = block[r, c]


@njit(cache=True, nogil=True)
def _distances_from_products(n: int, packed: np.ndarray) -> None:
    """d_ij = max(0, (q_i + q_j) + 2 s_ij) with s the negative products and q_i = -s_ii."""
    squares = np.empty(n)
    for i in range(n):
        squares[i] = -packed[i * n - i * (i + 1) // 2 + i]
    for i in range(n):
        start = i * n - i * (i + 1) // 2
        for j in range(i, n):
            d = (squares[i] + squares[j]) + 2.0 * packed[start + j]
            packed[start + j] = d if d > 0.0 else 0.0


def squared_distances(columns: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of n vectors, packed float64 (n (n + 1) / 2,).

    columns: float64 (d, n), C-contiguous, one vector a column. Equal vectors have distance exactly 0.
    """
    n = columns.shape[1]
    packed = np.empty(packed_size(n))
    in_threads(lambda i0: _negative_products(columns, packed, i0), range(0, n, ROWS))
    _distances_from_products(n, packed)
    return packed


@njit(cache=True, nogil=True)
def _products_between(source: np.ndarray, n: int, out: np.ndarray, i0: int) -> None:
    """Rows i0..i0+ROWS-1 of 0 - y_i . x_j; source float64 (d, n + m), the columns x, then y."""
    d, both = source.shape
    flat = source.reshape(d * both)
    starts = np.arange(d) * both
    block, panel = np.empty((ROWS, COLUMNS)), np.empty((DEPTH, COLUMNS))
    rows = min(ROWS, out.shape[0] - i0)
    for j0 in range(0, n, COLUMNS):
        width = min(COLUMNS, n - j0)
        block[:, :] = 0.0
        _subtract_products(block, panel, flat, starts, d, n + i0, rows, j0, width)
        for r in range(rows):
            for c in range(width):
                out[i0 + r, j0 + c] = block[r, c]


def distances_between(columns: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of vectors ``others`` to ``columns``, float64 (m, n), as `squared_distances`.

    columns: float64 (d, n), others: float64 (d, m), one vector a column.
    """
    n, m = columns.shape[1], others.shape[1]
    source = np.concatenate([columns, others], axis=1)
    out, squares = np.empty((m, n)), np.zeros(n + m)
    in_threads(lambda i0: _products_between(source, n, out, i0), range(0, m, ROWS))
    for row in source:
        squares = squares + row * row
    for i in range(m):
        out[i] = np.maximum((squares[n + i] + squares[:n]) + 2.0 * out[i], 0.0)
    return out


@njit(cache=True, nogil=True)
def solve_upper(factor: np.ndarray, starts: np.ndarray, z: np.ndarray) -> None:
    """In place, the solution of U a = z for the first rows of a packed factor; z float64 (rows, k)."""
    rows, k = z.shape
    for i in range(rows - 1, -1, -1):
        for j in range(i + 1, rows):
            u = factor[starts[i] + j]
            for c in range(k):
                z[i, c] = z[i, c] - u * z[j, c]
        for c in range(k):
            z[i, c] = z[i, c] / factor[starts[i] + i]


@njit(cache=True, nogil=True)
def _finish_rows(
    block: np.ndarray, factors: np.ndarray, pivots: np.ndarray, rows: int, width: int, diagonal: bool
) -> bool:
    """The products within a block of rows, and the division by the pivots; ``diagonal`` finds those first."""
    for r in range(rows):
        target = block[r]
        for q in range(r):
            if diagonal:
                factors[q, r] = block[q, r]
            a = factors[q, r]
            p = block[q]
            for c in range(width):
                target[c] = target[c] - a * p[c]
        if diagonal:
            if not target[r] > 0.0:
                return False
            pivots[r] = np.sqrt(target[r])
        for c in range(width):
            target[c] = target[c] / pivots[r]
        if diagonal:
            target[r] = pivots[r]
    return True


@njit(cache=True, nogil=True)
def _factorise_rows(n: int, packed: np.ndarray, starts: np.ndarray, i0: int) -> bool:
    block, panel = np.zeros((ROWS, COLUMNS)), np.empty((DEPTH, COLUMNS))
    factors, pivots = np.empty((ROWS, ROWS)), np.empty(ROWS)
    rows = min(ROWS, n - i0)
    for j0 in range(i0, n, COLUMNS):
        width = min(COLUMNS, n - j0)
        for r in range(rows):
            below = max(0, i0 + r - j0)  # these entries lie under the diagonal: worked on, never used
            for c in range(below):
                block[r, c] = 0.0
            for c in range(below, width):
                block[r, c] = packed[starts[i0 + r] + j0 + c]
        _subtract_products(block, panel, packed, starts, i0, i0, rows, j0, width)
        if not _finish_rows(block, factors, pivots, rows, width, j0 == i0):
            return False
        for r in range(rows):
            for c in range(max(0, i0 + r - j0), width):
                packed[starts[i0 + r] + j0 + c] = block[r, c]
    return True


def factorise_rows(n: int, packed: np.ndarray, first: int) -> None:
    """Cholesky: rows first..first+ROWS-1 of a packed matrix A become those of U with A = U^T U, in place.

    u_ii = sqrt(a_ii - u_0i^2 - u_1i^2 - ...), u_ij = (a_ij - u_0i u_0j - u_1i u_1j - ...) / u_ii, subtracted
    one after another (Golub & Van Loan, Matrix Computations, section 4.2). ``first`` is a multiple of ROWS,
    and the rows before it are done. Raises InexactComputation when a pivot is not positive. Releases the
    interpreter's lock.
    """
    if not _factorise_rows(n, packed, row_starts(n), first):
        raise InexactComputation("a kernel matrix is not positive definite; try another preset or network")
