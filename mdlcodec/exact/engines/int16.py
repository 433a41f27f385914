"""The int16 engine: block integers multiplied as they are, in tiles, without gathering patches.

Images are quantised into a zero-padded int16 copy, and the microkernel reads every patch where it lies; the
other operand is packed into panels of columns. Sums stay below 2^31: one operand of every product has a
single base-128 digit, its own or one split off, and at most 4096 terms are added before they move to float64.
"""

import math
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from mdlcodec.exact.elementary import ROUNDING, power_of_two
from mdlcodec.exact.engines.microkernel import (
    LANES,
    ROWS,
    add_one,
    add_two,
    scaled_one,
    scaled_split,
    scaled_two,
)
from mdlcodec.exact.integers import (
    BITS,
    EXPONENT_LIMIT,
    GRADIENT_EXPONENT_LIMIT,
    INFINITY_BITS,
    LIMITS,
    Digits,
    block_exponent,
    largest_bits,
    not_finite,
    round_to_integers,
    rounded,
)
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.sums import fixed_point_exponent
from mdlcodec.exact.threads import VALUE, in_parts, part_size

# pairs of terms: 2 * 2048 * 64 * 8127 < 2^31
_LONGEST_SUM = 2048
# pairs of a gradient's terms multiplied at once: panels of so many stay in the first-level cache
_BLOCK = 128
_WIDE = 2 * LANES
# two int16 in memory are an int32 pair: the first is the lower half
_LITTLE = sys.byteorder == "little"
# shapes remembered for each thread
_VIEWS = 256


@njit(cache=True, nogil=True)
def _example_exponents(bits_of_x, limit, bits, exponents):
    """One block per row; False when a value is not finite."""
    for row in range(bits_of_x.shape[0]):
        largest = largest_bits(bits_of_x[row])
        if largest >= INFINITY_BITS:
            return False
        value = np.float64(np.int32(largest).view(np.float32))
        exponents[row] = block_exponent(value, limit, bits, EXPONENT_LIMIT)
    return True


@njit(cache=True, nogil=True)
def _quantise_part(x, scale, out, first, last):
    """Values first..last of x, float32 (m,), as integers in out, int16 (m,)."""
    round_to_integers(x[first:last], scale, out[first:last])


@njit(cache=True, nogil=True)
def _quantise_part_shared(job, count, each, *arguments):
    return share(job, *entry(_quantise_part, arguments), count, each)


def _quantised_weights(w: np.ndarray, digits: int) -> tuple[np.ndarray, int]:
    """`quantise_tensor`, on several threads."""
    flat, out, exponent = w.reshape(-1), np.empty(w.shape, np.int16), np.empty(1, np.int64)
    if not _example_exponents(flat[None].view(np.int32), LIMITS[digits], BITS[digits], exponent):
        raise not_finite()
    e = int(exponent[0])
    each = part_size(flat.size, 1024, flat.size * VALUE)
    arguments = flat, np.float32(power_of_two(e)), out.reshape(-1)
    in_parts(_quantise_part, _quantise_part_shared, arguments, flat.size, each)
    return out, e


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


@njit(cache=True, nogil=True, inline="always")
def _pair(first, second):
    """Two int32 in the range of int16 as one int32, the first in the lower half."""
    return (first & np.int32(65535)) | (second << np.int32(16))


@njit(cache=True, nogil=True)
def _split_pairs(pairs, lower):
    """Pairs of two-digit integers, int32 (O,) -> pairs of their upper digits, in place, and lower digits."""
    for i in range(pairs.size):
        p, q = np.int32(np.int16(pairs[i])), pairs[i] >> 16
        upper_p, upper_q = (p + 64) >> 7, (q + 64) >> 7
        pairs[i] = _pair(np.int32(upper_p), np.int32(upper_q))
        lower[i] = _pair(np.int32(p - (upper_p << 7)), np.int32(q - (upper_q << 7)))


@njit(cache=True, nogil=True)
def _split_columns(panel):
    """Pairs of two-digit integers in a panel's first LANES columns -> upper digits there, lower ones beside."""
    for pair in range(panel.shape[0]):
        for lane in range(LANES):
            word = panel[pair, lane]
            p, q = np.int32(np.int16(word)), word >> 16
            upper_p, upper_q = (p + 64) >> 7, (q + 64) >> 7
            panel[pair, lane] = _pair(np.int32(upper_p), np.int32(upper_q))
            panel[pair, LANES + lane] = _pair(np.int32(p - (upper_p << 7)), np.int32(q - (upper_q << 7)))


@njit(cache=True, nogil=True)
def _pack(w, split, out, first, last):
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
def _pack_shared(job, count, each, *arguments):
    return share(job, *entry(_pack, arguments), count, each)


@njit(cache=True, nogil=True)
def _words(w):
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
def _pack_flipped(w, split, out):
    """`_pack` of the flipped kernels of w (O, places, C): columns are its channels, pairs its outputs."""
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
def _places(images, scales, height, width, addresses, scale_of):
    """Address of every place's patch in padded images (N, H', W', C), and its scale; ROWS more at the end."""
    _, padded_height, padded_width, channels = images.shape
    at, step = 0, 2 * channels
    for n in range(images.shape[0]):
        for y in range(height):
            start = images.ctypes.data + step * ((n * padded_height + y) * padded_width)
            for x in range(width):
                addresses[at] = start + step * x
                scale_of[at] = scales[n]
                at += 1
    for i in range(at, addresses.size):
        addresses[i] = addresses[at - 1]
        scale_of[i] = 0.0


@njit(cache=True, nogil=True)
def _long_products(rows, offsets, columns, stride, split, scales, bias, out):
    """One tile of more pairs than int32 can add up: out (ROWS, _WIDE). ``rows`` and ``columns``: addresses."""
    sums, total = np.empty(ROWS * _WIDE, np.int32), np.zeros((ROWS, _WIDE), np.float64)
    vectors = stride // (4 * LANES)
    for k in range(0, offsets.size, _LONGEST_SUM):
        sums[:] = 0
        offset, count = offsets.ctypes.data + 8 * k, min(_LONGEST_SUM, offsets.size - k)
        if vectors == 2:
            add_two(rows, offset, count, columns + stride * k, stride, sums.ctypes.data)
        else:
            add_one(rows, offset, count, columns + stride * k, stride, sums.ctypes.data)
        for m in range(ROWS):
            for i in range(vectors * LANES):
                total[m, i] += np.float64(sums[m * vectors * LANES + i])
    for m in range(ROWS):
        for i in range(LANES if split else vectors * LANES):
            value = total[m, i] * 128.0 + total[m, LANES + i] if split else total[m, i]
            out[m, i] = np.float32(value * scales[m] + 0.0) + bias[i]


@njit(cache=True, nogil=True)
def _patch_products(rows, offsets, panels, split, scales, bias, out, first, last):
    """Rows first..last of out (places, O): products of patches and panels (panels, pairs, wide).

    rows: addresses (places + ROWS,); scales: float64, like rows; bias: float32 of all panels' columns.
    """
    outputs, pairs, stride = out.shape[1], panels.shape[1], 4 * panels.shape[2]
    each = LANES if split else panels.shape[2]
    scratch = np.empty((ROWS, _WIDE), np.float32)
    offset = offsets.ctypes.data
    for panel in range(panels.shape[0]):
        columns = panels.ctypes.data + stride * pairs * panel
        column, count = panel * each, min(each, outputs - panel * each)
        added = bias.ctypes.data + 4 * column
        for tile in range(first, last, ROWS):
            to, distance = out.ctypes.data + 4 * (tile * outputs + column), 4 * outputs
            # a tile that is not full, or too long, goes through the scratch tile
            direct = count % LANES == 0 and tile + ROWS <= last and pairs <= _LONGEST_SUM
            if not direct:
                to, distance = scratch.ctypes.data, 4 * _WIDE
            at, factors = rows.ctypes.data + 8 * tile, scales.ctypes.data + 8 * tile
            if pairs > _LONGEST_SUM:
                _long_products(
                    at, offsets, columns, stride, split, scales[tile : tile + ROWS], bias[column:], scratch
                )
            elif split:
                scaled_split(at, offset, pairs, columns, stride, factors, added, to, distance)
            elif count > LANES:
                scaled_two(at, offset, pairs, columns, stride, factors, added, to, distance)
            else:
                scaled_one(at, offset, pairs, columns, stride, factors, added, to, distance)
            if not direct:
                for m in range(min(ROWS, last - tile)):
                    for i in range(count):
                        out[tile + m, column + i] = scratch[m, i]


@njit(cache=True, nogil=True)
def _patch_products_shared(job, count, each, *arguments):
    return share(job, *entry(_patch_products, arguments), count, each)


@njit(cache=True, nogil=True)
def _gradient_exponents(bits_of_g, example_exponents, limit, bits):
    """(exponent of g, exponent of g weighted by example, largest |g|, whether all of g is finite)."""
    largest, weighted = 0.0, 0.0
    for n in range(bits_of_g.shape[0]):
        row = largest_bits(bits_of_g[n])
        if row >= INFINITY_BITS:
            return 0, 0, 0.0, False
        value = np.float64(np.int32(row).view(np.float32))
        largest = max(largest, value)
        weighted = max(weighted, value * power_of_two(-example_exponents[n]))
    return (
        block_exponent(largest, limit, bits, EXPONENT_LIMIT),
        block_exponent(weighted, limit, bits, GRADIENT_EXPONENT_LIMIT),
        largest,
        True,
    )


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
            p, q = rounded(line[2 * j, o], scale), rounded(line[2 * j + 1, o], scale)
            out[j, o] = (p & np.int32(65535)) | (q << np.int32(16))
    if width % 2:
        for o in range(outputs):
            out[width // 2, o] = rounded(line[width - 1, o], scale) & np.int32(65535)


@njit(cache=True, nogil=True)
def _wide_pairs(a, b, scale_a, scale_b, out):
    """Pairs of integers of two places, float32 (O,), by float64 scales of their own."""
    for i in range(a.size):
        p = np.int32((np.float64(a[i]) * scale_a + ROUNDING) - ROUNDING)
        q = np.int32((np.float64(b[i]) * scale_b + ROUNDING) - ROUNDING)
        out[i] = (p & np.int32(65535)) | (q << np.int32(16))


@njit(cache=True, nogil=True)
def _gradient_pairs(g, exponents, across, exponent, grid, each, out, part_sums, first, last):
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
def _gradient_pairs_shared(job, count, each, *arguments):
    return share(job, *entry(_gradient_pairs, arguments), count, each)


@njit(cache=True, nogil=True)
def _int16_pairs(a, b, out):
    for i in range(out.size):
        out[i] = (np.int32(a[i]) & np.int32(65535)) | (np.int32(b[i]) << np.int32(16))


@njit(cache=True, nogil=True)
def _place_pairs(images, out, first, last):
    """Lines of images (lines, W, C) int16 -> neighbouring places (copies, lines, W', C) int32.

    The first copy has places 2j and 2j + 1, the second 2j + 1 and 2j + 2; outside the line is 0.
    """
    _, width, channels = images.shape
    nothing = np.zeros(channels, np.int16)
    for copy in range(out.shape[0]):
        for line in range(first, last):
            for j in range(out.shape[2]):
                place = 2 * j + copy
                a = images[line, place] if place < width else nothing
                b = images[line, place + 1] if place + 1 < width else nothing
                _int16_pairs(a, b, out[copy, line, j])


@njit(cache=True, nogil=True)
def _place_pairs_shared(job, count, each, *arguments):
    return share(job, *entry(_place_pairs, arguments), count, each)


@njit(cache=True, nogil=True)
def _pair_products(left, rows, offsets, g, total, first, last):
    """Tiles first..last of total (panels, tiles, ROWS * _WIDE): sums over all pairs of lines.

    rows: bytes from the start of ``left`` (tiles * ROWS,); offsets: from there to each pair (pairs,);
    g: int32 (parts, pairs, O').
    """
    parts, pairs, columns = g.shape
    rows = rows + np.int64(left.ctypes.data)
    sums = np.empty((last - first, ROWS * _WIDE), np.int32)
    for panel in range(total.shape[0]):
        vectors = 1 if columns - panel * _WIDE <= LANES else 2
        for part in range(parts):
            factor = 128.0 if part + 1 < parts else 1.0
            for start in range(0, pairs, _LONGEST_SUM):
                stop = min(pairs, start + _LONGEST_SUM)
                sums[:] = 0
                for block in range(start, stop, _BLOCK):
                    for tile in range(first, last):
                        at, to = (
                            rows.ctypes.data + 8 * ROWS * tile,
                            sums.ctypes.data + 4 * ROWS * _WIDE * (tile - first),
                        )
                        offset, count = offsets.ctypes.data + 8 * block, min(_BLOCK, stop - block)
                        gradients = g.ctypes.data + 4 * ((part * pairs + block) * columns + panel * _WIDE)
                        if vectors == 2:
                            add_two(at, offset, count, gradients, 4 * columns, to)
                        else:
                            add_one(at, offset, count, gradients, 4 * columns, to)
                for tile in range(first, last):
                    for i in range(ROWS * vectors * LANES):
                        total[panel, tile, i] += np.float64(sums[tile - first, i]) * factor


@njit(cache=True, nogil=True)
def _pair_products_shared(job, count, each, *arguments):
    return share(job, *entry(_pair_products, arguments), count, each)


@njit(cache=True, nogil=True)
def _split_panels(terms, out, first, last):
    """Panels first..last of terms, int32 pairs (pairs, channels), as digits in out (panels, pairs, _WIDE)."""
    for panel in range(first, last):
        start = panel * LANES
        count = min(LANES, terms.shape[1] - start)
        to = out[panel]
        for pair in range(terms.shape[0]):
            for lane in range(count):
                to[pair, lane] = terms[pair, start + lane]
        _split_columns(to)


@njit(cache=True, nogil=True)
def _split_panels_shared(job, count, each, *arguments):
    return share(job, *entry(_split_panels, arguments), count, each)


@njit(cache=True, nogil=True)
def _short_products(left, split, right, scale, out, first, last):
    """Columns of out (O, I), float32: sums over pairs of left and right (pairs, O'), times ``scale``.

    ``split``: left is (panels, pairs, _WIDE) of digits and first..last are panels; else left is (1, pairs,
    channels) and they are multiples of _WIDE columns. At most _LONGEST_SUM pairs.
    """
    pairs, each = right.shape[0], LANES if split else _WIDE
    outputs, inputs = out.shape
    offsets, rows, scales = np.empty(pairs, np.int64), np.empty(ROWS, np.int64), np.full(ROWS, scale)
    bias, scratch = np.full(_WIDE, np.float32(-0.0)), np.empty((ROWS, _WIDE), np.float32)
    stride = 4 * left.shape[2]
    for k in range(pairs):
        offsets[k] = 4 * right.shape[1] * k
    for part in range(first, last):
        column = part * each
        count = min(each, inputs - column)
        columns = left.ctypes.data + (stride * pairs * part if split else 4 * column)
        for o in range(0, outputs, ROWS):
            for m in range(ROWS):
                rows[m] = np.int64(right.ctypes.data) + 4 * (o + m)
            to, distance = out.ctypes.data + 4 * (o * inputs + column), 4 * inputs
            direct = count % LANES == 0 and o + ROWS <= outputs
            if not direct:
                to, distance = scratch.ctypes.data, 4 * _WIDE
            at, offset, factors, added = (
                rows.ctypes.data,
                offsets.ctypes.data,
                scales.ctypes.data,
                bias.ctypes.data,
            )
            if split:
                scaled_split(at, offset, pairs, columns, stride, factors, added, to, distance)
            elif count > LANES:
                scaled_two(at, offset, pairs, columns, stride, factors, added, to, distance)
            else:
                scaled_one(at, offset, pairs, columns, stride, factors, added, to, distance)
            if not direct:
                for m in range(min(ROWS, outputs - o)):
                    for i in range(count):
                        out[o + m, column + i] = scratch[m, i]


@njit(cache=True, nogil=True)
def _short_products_shared(job, count, each, *arguments):
    return share(job, *entry(_short_products, arguments), count, each)


@njit(cache=True, nogil=True)
def _scaled_weights(total, exponent, channels, columns, out):
    """total (panels, tiles, ROWS * _WIDE), row (place, padded channel) -> out (O, places, channels)."""
    scale = power_of_two(-exponent)
    outputs, places, real = out.shape
    scaled = np.empty(ROWS * _WIDE, np.float32)
    for panel in range(total.shape[0]):
        used = LANES if columns - panel * _WIDE <= LANES else _WIDE
        start, count = panel * _WIDE, min(used, outputs - panel * _WIDE)
        place, c = 0, 0
        for tile in range(total.shape[1]):
            sums = total[panel, tile]
            for i in range(ROWS * used):
                scaled[i] = np.float32(sums[i] * scale + 0.0)
            if c + ROWS <= real:
                for o in range(count):
                    for m in range(ROWS):
                        out[start + o, place, c + m] = scaled[m * used + o]
                c += ROWS
                if c == channels:
                    place, c = place + 1, 0
            else:
                for m in range(ROWS):
                    if c < real and place < places:
                        for o in range(count):
                            out[start + o, place, c] = scaled[m * used + o]
                    c += 1
                    if c == channels:
                        place, c = place + 1, 0


@dataclass(frozen=True)
class _Saved:
    """What the backward pass needs of the forward pass."""

    images: np.ndarray  # padded integers (N, H + 2p, W + 2p, C or C + 1)
    exponents: np.ndarray  # of the examples
    weights: np.ndarray  # integers (O, k, k, C)
    weights_exponent: int
    padding: int
    digits: Digits


def _padded_shape(shape: tuple[int, ...], padding: int) -> tuple[int, ...]:
    n, height, width, channels = shape
    return (n, height + 2 * padding, width + 2 * padding, channels + channels % 2)


def _pad(x: np.ndarray, exponents: np.ndarray, padding: int, out: np.ndarray) -> None:
    each = part_size(len(x), 1, x.size * VALUE)
    in_parts(_quantise_padded, _quantise_padded_shared, (x, exponents, padding, out), len(x), each)


@lru_cache(maxsize=64)
def _pair_offsets(
    kernel: int, channels: int, examples: int, height: int, padded_height: int, length: int, half: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of pairs of places (copies, examples * padded_height, length, channels): bytes to row (place, channel)
    of the weights' gradient, filled up to whole tiles, and from there to each pair of its terms; int64."""
    dy, dz, c = np.ogrid[:kernel, :kernel, :channels]
    place = (dz % 2 * examples * padded_height + dy) * length + dz // 2  # integers
    rows = (4 * (place * channels + c)).reshape(-1)
    rows = np.concatenate([rows, np.full(-rows.size % ROWS, rows[-1])])
    line = np.arange(examples)[:, None] * padded_height + np.arange(height)  # integers
    offsets = (4 * channels * (line.reshape(-1, 1) * length + np.arange(half))).reshape(-1)  # integers
    return rows, offsets


@lru_cache(maxsize=64)
def _patch_offsets(kernel: int, width: int, channels: int) -> np.ndarray:
    """Bytes from a place of padded images (.., width, channels) to each pair of its patch, int64."""
    places = np.arange(kernel)[:, None] * width + np.arange(kernel)  # integers
    return (2 * channels * places.reshape(-1, 1) + 4 * np.arange(channels // 2)).reshape(-1)  # integers


def _convolved(
    images: np.ndarray, w: np.ndarray, flipped: bool, split: bool, scales: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Padded integers (N, H', W', C) and integer weights (O, k, k, C) -> float32 (N, H, W, O).

    ``flipped``: the other way round, (N, H', W', O) -> (N, H, W, C), as the inputs' gradient needs it.
    """
    n, padded_height, padded_width, channels = images.shape
    outputs, kernel = w.shape[3 if flipped else 0], w.shape[1]
    offsets = _patch_offsets(kernel, padded_width, channels)
    out = np.empty((n, padded_height - kernel + 1, padded_width - kernel + 1, outputs), np.float32)
    count = n * out.shape[1] * out.shape[2]
    addresses = _scratch.take("addresses", (count + ROWS,), np.int64)
    scale_of = _scratch.take("scales", (count + ROWS,), np.float64)
    _places(images, scales, out.shape[1], out.shape[2], addresses, scale_of)
    wide = _WIDE if split or outputs > LANES else LANES
    columns = LANES if split else wide
    panels = _scratch.take("panels", (-(-outputs // columns), offsets.size, wide), np.int32)
    if flipped:
        _pack_flipped(w.reshape(w.shape[0], kernel * kernel, -1), split, panels)
    else:
        even = w.shape[3] % 2 == 0 and _LITTLE
        words = (
            w.reshape(outputs, -1).view(np.int32) if even else _words(w.reshape(outputs, kernel * kernel, -1))
        )
        each = part_size(len(panels), 1, panels.size * VALUE)
        in_parts(_pack, _pack_shared, (words, split, panels), len(panels), each)
    # the sum with -0.0 is the other term itself, a zero of either sign included
    added = np.full(panels.shape[0] * columns, -0.0, np.float32)
    if bias is not None:
        added[:outputs] = bias
    rows = out.reshape(count, outputs)

    arguments = addresses, offsets, panels, split, scale_of, added, rows
    in_parts(
        _patch_products, _patch_products_shared, arguments, count, part_size(count, ROWS, count * panels.size)
    )
    return out


class _Scratch(threading.local):
    """Memory of temporary arrays, kept from call to call: new pages cost more than the work in them."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}
        self._views: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """An array of any contents, valid until the same name is taken again; starts at a cache line.

        One name has one dtype. A cache line beyond the array's end may be read.
        """
        view = self._views.get((name, shape))
        if view is None:
            size = int(np.dtype(dtype).itemsize) * math.prod(shape)  # integers
            buffer = self._buffers.get(name)
            if buffer is None or buffer.size < size + 256:
                buffer = self._buffers[name] = np.empty(size + 256, np.uint8)
                self._views = {key: kept for key, kept in self._views.items() if key[0] != name}
            start = -buffer.ctypes.data % 64
            view = buffer[start : start + size].view(dtype).reshape(shape)
            if len(self._views) < _VIEWS:
                self._views[name, shape] = view
        return view


_scratch = _Scratch()


class Int16Engine:
    """Tiles of int16 products added in int32. See `mdlcodec.exact.engines.Engine`."""

    name = "int16"

    def forward(
        self, x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, digits: Digits
    ) -> tuple[np.ndarray, Any]:
        """See Engine.forward."""
        exponents = np.empty(x.shape[0], np.int64)
        rows = x.reshape(x.shape[0], -1).view(np.int32)
        limit, bits = LIMITS[digits.activations], BITS[digits.activations]
        if not _example_exponents(rows, limit, bits, exponents):
            raise not_finite()
        weights, weights_exponent = _quantised_weights(w, digits.weights)
        images = np.empty(_padded_shape(x.shape, padding), np.int16)
        _pad(x, exponents, padding, images)
        scales = _scales(exponents, weights_exponent)
        split = digits.activations == 2 and digits.weights == 2
        y = _convolved(images, weights, False, split, scales, bias)
        return y, _Saved(images, exponents, weights, weights_exponent, padding, digits)

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """See Engine.backward."""
        digits, examples = saved.digits, g.shape[0]
        e, weighted, largest, finite = _gradient_exponents(
            g.reshape(examples, -1).view(np.int32),
            saved.exponents,
            LIMITS[digits.gradients],
            BITS[digits.gradients],
        )
        if not finite:
            raise not_finite()
        dx = self._input_gradient(saved, g, e) if input_gradient else None
        grid = fixed_point_exponent(largest, g.size // g.shape[3])
        return dx, *self._weight_gradient(saved, g, weighted, grid)

    @staticmethod
    def _input_gradient(saved: Any, g: np.ndarray, exponent: int) -> np.ndarray:
        """A convolution of the gradient with the flipped kernel."""
        kernel = saved.weights.shape[1]
        padding = kernel - 1 - saved.padding
        images = _scratch.take("gradient", _padded_shape(g.shape, padding), np.int16)
        _pad(g, np.full(g.shape[0], exponent), padding, images)
        split = saved.digits.gradients == 2 and saved.digits.weights == 2
        scales = np.empty(g.shape[0], np.float64)
        scales[:] = power_of_two(-(exponent + saved.weights_exponent))
        return _convolved(images, saved.weights, True, split, scales, None)

    @staticmethod
    def _weight_gradient(
        saved: Any, g: np.ndarray, exponent: int, grid: int
    ) -> tuple[np.ndarray, np.ndarray]:
        outputs, kernel = saved.weights.shape[0], saved.weights.shape[1]
        examples, height, width = g.shape[:3]
        _, padded_height, padded_width, channels = saved.images.shape
        across = height == width == kernel == 1  # a linear layer: examples stand for places
        if across:
            examples, width, padded_width = 1, examples, examples
        lines, half = examples * height, (width + 1) // 2
        split = saved.digits.gradients == 2 and saved.digits.activations == 2
        short = across and half <= _LONGEST_SUM
        columns = -(-outputs // LANES) * LANES
        right = _scratch.take("right", (2 if split and not short else 1, lines, half, columns), np.int32)
        g_lines = g.reshape(lines, width, outputs)
        each = part_size(lines, 1, g.size * VALUE)
        sums = np.zeros((-(-lines // each), outputs), np.float64)
        arguments = g_lines, saved.exponents, across, exponent, grid, each, right, sums
        in_parts(_gradient_pairs, _gradient_pairs_shared, arguments, lines, each)
        db = sums[0]
        for part in sums[1:]:
            db = db + part  # integers on the grid: exact in every order
        db = (db * power_of_two(-grid)).astype(np.float32)
        image_lines = saved.images.reshape(-1, padded_width, channels)
        length = half + kernel // 2
        left = _scratch.take("left", (min(2, kernel), image_lines.shape[0], length, channels), np.int32)
        count = image_lines.shape[0]
        each = part_size(count, 1, left.size * VALUE)
        in_parts(_place_pairs, _place_pairs_shared, (image_lines, left), count, each)
        dw, pairs = np.empty(saved.weights.shape, np.float32), right.reshape(-1, lines * half, columns)
        if short:
            terms, flat = left[0], dw.reshape(outputs, -1)
            if split:
                panels = _scratch.take("digits", (-(-channels // LANES), half, _WIDE), np.int32)
                each = part_size(len(panels), 1, 4 * left.size * VALUE)
                in_parts(_split_panels, _split_panels_shared, (left[0, 0], panels), len(panels), each)
                terms = panels
            scale, parts = power_of_two(-exponent), -(-flat.shape[1] // (LANES if split else _WIDE))
            each = part_size(parts, 1, 2 * flat.size * half)
            operands = terms, split, pairs[0], scale, flat
            in_parts(_short_products, _short_products_shared, operands, parts, each)
            return dw, db
        rows, offsets = _pair_offsets(kernel, channels, examples, height, padded_height, length, half)
        tiles = rows.size // ROWS
        total = _scratch.take("total", (-(-outputs // _WIDE), tiles, ROWS * _WIDE), np.float64)
        total[:] = 0.0
        each = part_size(tiles, 1, 2 * rows.size * pairs.size)
        in_parts(_pair_products, _pair_products_shared, (left, rows, offsets, pairs, total), tiles, each)
        _scaled_weights(total, exponent, channels, columns, dw.reshape(outputs, kernel * kernel, -1))
        return dw, db


@njit(cache=True)
def _scales(exponents: np.ndarray, shared: int) -> np.ndarray:
    out = np.empty(exponents.size, np.float64)
    for i in range(exponents.size):
        out[i] = power_of_two(-(exponents[i] + shared))
    return out
