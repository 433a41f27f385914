"""Ordered sums in eight lanes: term c goes to lane c mod 8 (formats/sequences.md, "Sums in lanes").

The order depends on a term's place alone, so that a sum of the first terms never changes when more follow.
"""

import numpy as np

from mdlcodec.compiled import njit

LANES = 8


@njit(cache=True, nogil=True)
def lane_sum(terms: np.ndarray) -> float:
    """The sum of float64 (d,): each lane in order from +0, then the lanes in order. One variable for each lane, as
    an array of them would keep the loop from vectorising."""
    a = b = c = d = e = f = g = h = 0.0
    whole = terms.size // LANES * LANES
    for start in range(0, whole, LANES):
        part = terms[start : start + LANES]
        a += part[0]
        b += part[1]
        c += part[2]
        d += part[3]
        e += part[4]
        f += part[5]
        g += part[6]
        h += part[7]
    rest = terms[whole:]
    if rest.size > 0:
        a += rest[0]
    if rest.size > 1:
        b += rest[1]
    if rest.size > 2:
        c += rest[2]
    if rest.size > 3:
        d += rest[3]
    if rest.size > 4:
        e += rest[4]
    if rest.size > 5:
        f += rest[5]
    if rest.size > 6:
        g += rest[6]
    return ((((((a + b) + c) + d) + e) + f) + g) + h
