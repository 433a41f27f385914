"""The 12-bit set of Shwartz-Ziv & Tishby 2017, without a file: points of the sphere, a rule symmetric under
its rotations."""

from __future__ import annotations

import numpy as np

BITS = 12
# of the icosahedron whose vertices are the bits
EDGES = (
    (0, 1), (0, 3), (0, 5), (0, 10), (0, 11), (1, 2), (1, 3), (1, 4), (1, 11), (2, 3),
    (2, 4), (2, 8), (2, 9), (3, 8), (3, 10), (4, 6), (4, 9), (4, 11), (5, 6), (5, 7),
    (5, 10), (5, 11), (6, 7), (6, 9), (6, 11), (7, 8), (7, 9), (7, 10), (8, 9), (8, 10),
)  # fmt: skip
ANTIPODES = ((0, 9), (1, 7), (2, 5), (3, 6), (4, 10), (8, 11))


def invariants(x: np.ndarray) -> np.ndarray:
    """Bits int (m, 12) -> int64 (m, 3): ones, edges whose ends are both 1, antipodal pairs that are both
    1."""
    x = x.astype(np.int64)
    edges = sum(x[:, a] * x[:, b] for a, b in EDGES)
    pairs = sum(x[:, a] * x[:, b] for a, b in ANTIPODES)
    return np.stack([x.sum(axis=1), edges, pairs], axis=1)


def symmetric() -> tuple[np.ndarray, np.ndarray]:
    """x uint8 (4096, 12), all patterns of 12 bits in order, the first bit the most significant, and y uint8
    (4096,): 1 where 7 E - 4 A + 31 n - 3 n^2 >= 119 (`invariants`)."""
    rows = np.arange(1 << BITS)
    x = ((rows[:, np.newaxis] >> (BITS - 1 - np.arange(BITS))) & 1).astype(np.uint8)
    ones, edges, pairs = invariants(x).T
    y = 7 * edges - 4 * pairs + 31 * ones - 3 * ones * ones >= 119  # integers
    return x, y.astype(np.uint8)
