"""Positions by significance: each element's bit under a mixture of contexts (formats/network.md, "Significance").

What tells most of a pruned tensor is how dense its row and its input are, so their ratios so far enter the
mixture as they are; the contexts refine that by the neighbours, by the kernel, and by the counts of tensors
that share an axis with this one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.descriptions.tensors.scan import next_place, place_before
from mdlcodec.mixing.logistic import (
    STRETCH,
    STRETCH_LIMIT,
    Mixture,
    code_mixed,
    new_mixture,
    ratio,
)

NUMBER = 3
NAME = "significance"

_CONTEXTS = 5
_CONTEXT_SLOTS = 1 << 12  # slots of one context
_WEIGHTS = [0.3, 0.3, 0.2, -0.1, 0.0, 0.1, 0.4, 0.0, 0.1, 0.0, 0.0]  # contexts, then direct inputs
_LINKS = 8  # classes of linked counts


def new_bank() -> Mixture:
    """The mixture of all tensors of a section, before the first."""
    weights = [round(weight * 65536) for weight in _WEIGHTS]
    return new_mixture(_CONTEXTS * _CONTEXT_SLOTS, 4, weights, _CONTEXTS, (2, 8, 1000))


def link_classes(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Classes 0..7 of the non-zeros in the slices of an axis: 0, 1, 2 to 3, 4 to 7, ..., 64 and more."""
    classes = np.zeros(counts.size, np.uint8)
    for power in range(_LINKS - 1):
        classes += counts >= 1 << power
    return classes


def new_counts(extents: tuple[int, int, int, int]) -> npt.NDArray[np.int64]:
    """Non-zeros and elements so far: of row a, input (b, c, d), b, (c, d), kernels (a - 1, b) and (a, b), all."""
    _, b, c, d = extents
    return np.zeros(2 * (1 + b * c * d + b + c * d) + 2 * b + 2 + 2, np.int64)


@njit(cache=True)
def code_significance(coding, mixture, seen, links_a, links_b, counts, start, stop):  # type: ignore[no-untyped-def]
    """Code elements start..stop of seen uint8 (a, b, c, d), 1 where the element is not zero, in their order.

    links_a uint8 (a,), links_b uint8 (b,): classes of linked counts; counts: of new_counts, carried on.
    """
    _, extent_b, extent_c, extent_d = seen.shape
    kernel = extent_c * extent_d
    inputs = extent_b * kernel
    mine = 0  # non-zeros of row a, then its elements
    columns = 2
    blocks = columns + inputs
    block_totals = blocks + extent_b
    places = block_totals + extent_b
    place_totals = places + kernel
    above = place_totals + kernel  # non-zeros of kernel (a - 1, b)
    here = above + extent_b  # and of kernel (a, b)
    everything = here + extent_b
    where = place_before(start, seen.shape)
    for _ in range(start, stop):
        where = next_place(where, seen.shape)
        a, b, c, d, place, column = where
        if column == 0:
            counts[mine] = counts[mine + 1] = 0
            for i in range(extent_b):
                counts[above + i] = counts[here + i]
                counts[here + i] = 0

        left = seen[a, b, c, d - 1] if d > 0 else 0
        up = seen[a, b, c - 1, d] if c > 0 else 0
        before = seen[a, b - 1, c, d] if b > 0 else 0
        previous = seen[a - 1, b, c, d] if a > 0 else 0
        second = seen[a, b - 2, c, d] if b > 1 else 0
        up_left = seen[a, b, c - 1, d - 1] if c > 0 and d > 0 else 0
        up_right = seen[a, b, c - 1, d + 1] if c > 0 and d + 1 < extent_d else 0
        near = left + up + before + previous
        around = left | up << 1 | before << 2 | previous << 3 | second << 4 | up_left << 5 | up_right << 6
        in_kernel = counts[here + b]

        prior = (counts[everything] * 65536 + 32768) // (counts[everything + 1] + 1)
        prior = min(max(prior, 1), 65535)
        base = STRETCH[prior]
        row = ratio(counts[mine], counts[mine + 1], prior, 2)
        block = ratio(counts[blocks + b], counts[block_totals + b], prior, 16)
        input_ = ratio(counts[columns + column], a, prior, 16)
        spot = ratio(counts[places + place], counts[place_totals + place], prior, 32)
        inside = ratio(in_kernel, place, prior, 8)
        guess = min(max(row + input_ - base, -STRETCH_LIMIT), STRETCH_LIMIT)
        coarse = (guess + STRETCH_LIMIT) // 400

        mixture.indices[0] = coarse * 128 + around
        mixture.indices[1] = _CONTEXT_SLOTS + (coarse * 8 + np.int64(links_a[a])) * 8 + links_b[b]
        mixture.indices[2] = (
            2 * _CONTEXT_SLOTS
            + (np.int64(links_a[a]) * 16 + (row + STRETCH_LIMIT) // 400) * 16
            + (input_ + STRETCH_LIMIT) // 400
        )
        mixture.indices[3] = 3 * _CONTEXT_SLOTS + (coarse * 4 + min(in_kernel, 3)) * 8 + near
        mixture.indices[4] = (
            4 * _CONTEXT_SLOTS
            + coarse * 64
            + min(counts[above + b], 3)
            + 4 * min(counts[here + b - 1] if b > 0 else 0, 3)
            + 16 * min(in_kernel, 3)
        )
        mixture.inputs[5] = row
        mixture.inputs[6] = block - base
        mixture.inputs[7] = input_ - base
        mixture.inputs[8] = spot - base
        mixture.inputs[9] = inside - base
        mixture.inputs[10] = 256
        bit = code_mixed(coding, mixture, min(near, 2), seen[a, b, c, d])
        seen[a, b, c, d] = bit

        counts[mine] += bit
        counts[mine + 1] += 1
        counts[columns + column] += bit
        counts[blocks + b] += bit
        counts[block_totals + b] += 1
        counts[places + place] += bit
        counts[place_totals + place] += 1
        counts[here + b] += bit
        counts[everything] += bit
        counts[everything + 1] += 1
