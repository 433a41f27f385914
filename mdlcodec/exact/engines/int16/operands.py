"""Operands of the int16 engine: integers, padded images, panels of columns, pairs of places.

A *pair* is an int32 of two int16, the first in the lower half. A *panel* has the pairs of WIDE or LANES
columns, so that a row of it is what a tile multiplies at once.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.engines.int16.microkernel import LANES
from mdlcodec.exact.integers import (
    round_to_integers,
    rounded,
)
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size


@njit(cache=True, nogil=True)
def _quantise_padded(x, exponents, padding, out, first, last):
    """Examples of x (N, H, W, C) -> integers in out (N, H + 2p, W + 2p, C or C + 1), zero around them."""
    _, height, width, channels = x.shape
    for n in range(first, last):
        scale = np.float32(power_of_two(exponents[n]))
        out[n, :padding] = 0
        out[n, padding + height :] = 0
        for y in range(height):
            row = out[n, padding + y]
            row[:padding] = 0
            row[padding + width :] = 0
            if out.shape[3] == channels:
                line, flat = x[n, y].reshape(-1), row.reshape(-1)
                round_to_integers(line, scale, flat[padding * channels :])
            else:
                row[:, channels] = 0
                for z in range(width):
                    for c in range(channels):
                        row[padding + z, c] = np.int16(rounded(x[n, y, z, c], scale))


@njit(cache=True, nogil=True)
def _quantise_padded_shared(job, count, each, *arguments):
    return share(job, *entry(_quantise_padded, arguments), count, each)


def pad(x: np.ndarray, exponents: np.ndarray, padding: int, out: np.ndarray) -> None:
    """Examples of x (N, H, W, C) -> integers in out (N, H + 2p, W + 2p, C or C + 1), zero around them."""
    each = part_size(len(x), 1, x.size * VALUE)
    in_parts(_quantise_padded, _quantise_padded_shared, (x, exponents, padding, out), len(x), each)


@njit(cache=True, nogil=True, inline="always")
def _pair(first, second):
    """Two int32 in the range of int16 as one int32, the first in the lower half."""
    return (first & np.int32(65535)) | (second << np.int32(16))


@njit(cache=True, nogil=True, inline="always")
def _digits(pair):
    """A pair of two-digit integers -> the pair of their upper digits and that of their lower ones."""
    p, q = np.int32(np.int16(pair)), pair >> 16
    upper_p, upper_q = (p + 64) >> 7, (q + 64) >> 7
    upper = _pair(np.int32(upper_p), np.int32(upper_q))
    return upper, _pair(np.int32(p - (upper_p << 7)), np.int32(q - (upper_q << 7)))


@njit(cache=True, nogil=True)
def _split_pairs(pairs, lower):
    """Pairs of two-digit integers, int32 (O,) -> pairs of their upper digits, in place, and lower digits."""
    for i in range(pairs.size):
        pairs[i], lower[i] = _digits(pairs[i])


@njit(cache=True, nogil=True)
def _split_columns(panel):
    """Pairs of two-digit integers in a panel's first LANES columns -> upper digits there, lower ones beside."""
    for pair in range(panel.shape[0]):
        for lane in range(LANES):
            panel[pair, lane], panel[pair, LANES + lane] = _digits(panel[pair, lane])


@njit(cache=True, nogil=True)
def pack(w, split, out, first, last):
    """Words w (O, pairs), int32 pairs of integers -> panels first..last of out (panels, pairs, wide).

    ``split``: each panel has the upper digits of its columns, then the lower ones. What is not there is 0.
    """
    outputs, pairs = w.shape
    columns = LANES if split else out.shape[2]
    for panel in range(first, last):
        start, to = panel * columns, out[panel]
        count = min(columns, outputs - start)
        if count < columns:
            to[:] = 0
        for pair in range(pairs):
            for lane in range(count):
                to[pair, lane] = w[start + lane, pair]
        if split:
            _split_columns(to)


@njit(cache=True, nogil=True)
def pack_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(pack, arguments), count, each)


@njit(cache=True, nogil=True)
def words(w):
    """Integers w (O, places, channels), channels odd -> (O, pairs) of int32 pairs, each place filled up by 0."""
    outputs, places, channels = w.shape
    half = (channels + 1) // 2
    out = np.empty((outputs, places * half), np.int32)
    for o in range(outputs):
        for place in range(places):
            for i in range(half):
                first = np.int32(w[o, place, 2 * i])
                second = np.int32(w[o, place, 2 * i + 1]) if 2 * i + 1 < channels else np.int32(0)
                out[o, place * half + i] = _pair(first, second)
    return out


@njit(cache=True, nogil=True)
def pack_flipped(w, split, out):
    """`pack` of the flipped kernels of w (O, places, C): columns are its channels, pairs its outputs."""
    outputs, places, channels = w.shape
    half = (outputs + 1) // 2
    columns = LANES if split else out.shape[2]
    out[-1] = 0
    nothing = np.zeros(channels, np.int16)
    for i in range(half):
        for place in range(places):
            one = w[2 * i, place]
            other = w[2 * i + 1, place] if 2 * i + 1 < outputs else nothing
            pair = (places - 1 - place) * half + i
            for panel in range(out.shape[0]):
                start, row = panel * columns, out[panel, pair]
                for lane in range(min(columns, channels - start)):
                    row[lane] = _pair(np.int32(one[start + lane]), np.int32(other[start + lane]))
    if split:
        for panel in range(out.shape[0]):
            _split_columns(out[panel])


@njit(cache=True, nogil=True)
def packed_rows(integers, out):
    """Two-digit integers (K, N), K even -> panels out (panels, K / 2, WIDE): digits of pairs of rows, by column."""
    length, columns = integers.shape
    for panel in range(out.shape[0]):
        start, to = panel * LANES, out[panel]
        count = min(LANES, columns - start)
        if count < LANES:
            to[:] = 0
        for pair in range(length // 2):
            one, other = integers[2 * pair, start:], integers[2 * pair + 1, start:]
            row = to[pair]
            for lane in range(count):
                row[lane] = _pair(np.int32(one[lane]), np.int32(other[lane]))
        _split_columns(to)


@njit(cache=True, nogil=True)
def _add_on_grid(x, scale, sums):
    """Adds the rows of x, float32 (rows, O), rounded to the grid, to the sums, float64 (O,)."""
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            sums[i] += (np.float64(x[row, i]) * scale + ROUNDING) - ROUNDING


@njit(cache=True, nogil=True)
def _line_pairs(line, scale, out):
    """Integers of places 2j and 2j + 1 of a line, float32 (W, O), as pairs in out, int32 (W', O')."""
    width, outputs = line.shape
    for j in range(width // 2):
        for o in range(outputs):
            out[j, o] = _pair(rounded(line[2 * j, o], scale), rounded(line[2 * j + 1, o], scale))
    if width % 2:
        for o in range(outputs):
            out[width // 2, o] = _pair(rounded(line[width - 1, o], scale), np.int32(0))


@njit(cache=True, nogil=True)
def _wide_pairs(a, b, scale_a, scale_b, out):
    """Pairs of integers of two places, float32 (O,), by float64 scales of their own."""
    for i in range(a.size):
        p = np.int32((np.float64(a[i]) * scale_a + ROUNDING) - ROUNDING)
        q = np.int32((np.float64(b[i]) * scale_b + ROUNDING) - ROUNDING)
        out[i] = _pair(p, q)


@njit(cache=True, nogil=True)
def gradient_pairs(g, exponents, across, exponent, grid, each, out, part_sums, first, last):
    """Lines of g (lines, W, O) -> weighted integers of neighbouring places in out (parts, lines, W', O').

    ``across``: places of the only line are examples. Also adds to the column sums of every part of ``each``
    lines, float64 (parts, O), on ``grid``.
    """
    _, width, outputs = g.shape
    sums = part_sums[first // each]
    nothing = np.zeros(outputs, np.float32)
    for line in range(first, last):
        _add_on_grid(g[line], power_of_two(grid), sums)
        shift = exponent - exponents[0 if across else line * exponents.size // g.shape[0]]
        out[0, line, :, outputs:] = 0
        if not across and abs(shift) <= 120:
            _line_pairs(g[line], np.float32(power_of_two(shift)), out[0, line])
        else:
            for j in range(out.shape[2]):
                right = min(2 * j + 1, width - 1)
                a, b = g[line, 2 * j], g[line, right] if 2 * j + 1 < width else nothing
                if across:
                    shift_a, shift_b = exponent - exponents[2 * j], exponent - exponents[right]
                else:
                    shift_a, shift_b = shift, shift
                _wide_pairs(a, b, power_of_two(shift_a), power_of_two(shift_b), out[0, line, j])
        if out.shape[0] == 2:
            for j in range(out.shape[2]):
                _split_pairs(out[0, line, j], out[1, line, j])


@njit(cache=True, nogil=True)
def gradient_pairs_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(gradient_pairs, arguments), count, each)


@njit(cache=True, nogil=True)
def _int16_pairs(a, b, out):
    for i in range(out.size):
        out[i] = _pair(np.int32(a[i]), np.int32(b[i]))


@njit(cache=True, nogil=True, inline="always")
def _place_pairs(images, stride, out, first, last):
    _, width, channels = images.shape
    nothing = np.zeros(channels, np.int16)
    for copy in range(out.shape[0]):
        for line in range(first, last):
            for j in range(out.shape[2]):
                place = 2 * stride * j + copy
                a = images[line, place] if place < width else nothing
                b = images[line, place + stride] if place + stride < width else nothing
                _int16_pairs(a, b, out[copy, line, j])


@njit(cache=True, nogil=True)
def place_pairs(images, stride, out, first, last):
    """Lines of images (lines, W, C) int16 -> pairs of places (copies, lines, W', C) int32, ``stride`` apart.

    Copy i has places 2 * stride * j + i and stride further: what tap i of a kernel meets at outputs 2j and
    2j + 1. Outside the line is 0.
    """
    if stride == 1:  # a constant: the compiler knows that no index is negative
        _place_pairs(images, 1, out, first, last)
    else:
        _place_pairs(images, stride, out, first, last)


@njit(cache=True, nogil=True)
def place_pairs_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(place_pairs, arguments), count, each)


@njit(cache=True, nogil=True)
def split_panels(terms, out, first, last):
    """Panels first..last of terms, int32 pairs (pairs, channels), as digits in out (panels, pairs, WIDE)."""
    for panel in range(first, last):
        start = panel * LANES
        count = min(LANES, terms.shape[1] - start)
        to = out[panel]
        for pair in range(terms.shape[0]):
            for lane in range(count):
                to[pair, lane] = terms[pair, start + lane]
        _split_columns(to)


@njit(cache=True, nogil=True)
def split_panels_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(split_panels, arguments), count, each)
