"""The Walsh-Hadamard transform in its fast form: sums and differences alone (formats/subspace.md, "Subspace").

Of integers it is exact, in whatever order its sums are made; of float32 it serves senders, who need no such thing.
"""

import numpy as np

from mdlcodec.compiled import njit


@njit(cache=True)
def transform(values: np.ndarray) -> None:
    """values (2^m,) become H values, in place: H[i, j] = (-1)^(bits that i and j have in common).

    No scaling: twice is 2^m times. Integers must not overflow: the sum of all magnitudes stays within their type.
    """
    size, half = values.size, 1
    while 4 * half <= size:  # two levels in one pass over memory
        for start in range(0, size, 4 * half):
            a = values[start : start + half]
            b = values[start + half : start + 2 * half]
            c = values[start + 2 * half : start + 3 * half]
            d = values[start + 3 * half : start + 4 * half]
            for i in range(half):
                total, other = a[i] + b[i], c[i] + d[i]
                difference, last = a[i] - b[i], c[i] - d[i]
                a[i], b[i], c[i], d[i] = total + other, difference + last, total - other, difference - last
        half *= 4
    if 2 * half == size:
        for i in range(half):
            total, difference = values[i] + values[half + i], values[i] - values[half + i]
            values[i], values[half + i] = total, difference
