"""Products of the int16 engine: tiles of sums for patches of images, and for the weights' gradient."""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.engines.int16.microkernel import (
    LANES,
    ROWS,
    add_one,
    add_two,
    scaled_one,
    scaled_split,
    scaled_two,
)
from mdlcodec.exact.shared_work import entry, share

WIDE = 2 * LANES
# pairs of terms: 2 * 2048 * 64 * 8127 < 2^31
LONGEST_SUM = 2048
# pairs of a gradient's terms multiplied at once: panels of so many stay in the first-level cache
_BLOCK = 128


@njit(cache=True, nogil=True, inline="always")
def _add(vectors, rows, offset, count, columns, stride, sums):
    """Adds a tile of one or two vectors of columns to the sums."""
    if vectors == 2:
        add_two(rows, offset, count, columns, stride, sums)
    else:
        add_one(rows, offset, count, columns, stride, sums)


@njit(cache=True, nogil=True, inline="always")
def _scaled(split, used, rows, offset, count, columns, stride, scales, bias, out, distance):
    """Stores a scaled tile; ``used``: columns of it that there are."""
    if split:
        scaled_split(rows, offset, count, columns, stride, scales, bias, out, distance)
    elif used > LANES:
        scaled_two(rows, offset, count, columns, stride, scales, bias, out, distance)
    else:
        scaled_one(rows, offset, count, columns, stride, scales, bias, out, distance)


@njit(cache=True, nogil=True, inline="always")
def _copy(tile, out, row, column, rows, columns):
    """The part of a scratch tile that ``out`` has room for."""
    for m in range(rows):
        for i in range(columns):
            out[row + m, column + i] = tile[m, i]


@njit(cache=True, nogil=True)
def place_addresses(images, scales, origin_y, origin_x, height, width, stride, addresses, scale_of):
    """Address of every place's patch in padded images (N, H', W', C), and its scale; ROWS more at the end.

    The first patch begins at (origin_y, origin_x), the next ones ``stride`` further.
    """
    _, padded_height, padded_width, channels = images.shape
    at, step = 0, 2 * channels
    further = step * stride
    for n in range(images.shape[0]):
        for y in range(height):
            line = n * padded_height + y * stride + origin_y
            start = images.ctypes.data + step * (line * padded_width + origin_x)
            for x in range(width):
                addresses[at] = start + further * x
                scale_of[at] = scales[n]
                at += 1
    for i in range(at, addresses.size):
        addresses[i] = addresses[at - 1]
        scale_of[i] = 0.0


@njit(cache=True, nogil=True)
def _long_products(rows, offsets, columns, stride, split, scales, bias, out):
    """One tile of more pairs than int32 can add up: out (ROWS, WIDE). ``rows`` and ``columns``: addresses."""
    sums, total = np.empty(ROWS * WIDE, np.int32), np.zeros((ROWS, WIDE), np.float64)
    vectors = stride // (4 * LANES)
    for k in range(0, offsets.size, LONGEST_SUM):
        sums[:] = 0
        offset, count = offsets.ctypes.data + 8 * k, min(LONGEST_SUM, offsets.size - k)
        _add(vectors, rows, offset, count, columns + stride * k, stride, sums.ctypes.data)
        for m in range(ROWS):
            for i in range(vectors * LANES):
                total[m, i] += np.float64(sums[m * vectors * LANES + i])
    for m in range(ROWS):
        for i in range(LANES if split else vectors * LANES):
            value = total[m, i] * 128.0 + total[m, LANES + i] if split else total[m, i]
            out[m, i] = np.float32(value * scales[m] + 0.0) + bias[i]


@njit(cache=True, nogil=True)
def patch_products(rows, offsets, panels, split, scales, bias, out, first, last):
    """Rows first..last of out (places, O): products of patches and panels (panels, pairs, wide).

    rows: addresses (places + ROWS,); scales: float64, like rows; bias: float32 of all panels' columns.
    """
    outputs, pairs, stride = out.shape[1], panels.shape[1], 4 * panels.shape[2]
    each = LANES if split else panels.shape[2]
    scratch = np.empty((ROWS, WIDE), np.float32)
    offset = offsets.ctypes.data
    for panel in range(panels.shape[0]):
        columns = panels.ctypes.data + stride * pairs * panel
        column, count = panel * each, min(each, outputs - panel * each)
        added = bias.ctypes.data + 4 * column
        for tile in range(first, last, ROWS):
            to, distance = out.ctypes.data + 4 * (tile * outputs + column), 4 * outputs
            # a tile that is not full, or too long, goes through the scratch tile
            direct = count % LANES == 0 and tile + ROWS <= last and pairs <= LONGEST_SUM
            if not direct:
                to, distance = scratch.ctypes.data, 4 * WIDE
            at, factors = rows.ctypes.data + 8 * tile, scales.ctypes.data + 8 * tile
            if pairs > LONGEST_SUM:
                _long_products(
                    at, offsets, columns, stride, split, scales[tile : tile + ROWS], bias[column:], scratch
                )
            else:
                _scaled(split, count, at, offset, pairs, columns, stride, factors, added, to, distance)
            if not direct:
                _copy(scratch, out, tile, column, min(ROWS, last - tile), count)


@njit(cache=True, nogil=True)
def patch_products_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(patch_products, arguments), count, each)


@njit(cache=True, nogil=True)
def pair_products(left, rows, offsets, g, total, first, last):
    """Tiles first..last of total (panels, tiles, ROWS * WIDE): sums over all pairs of lines.

    rows: bytes from the start of ``left`` (tiles * ROWS,); offsets: from there to each pair (pairs,);
    g: int32 (parts, pairs, O').
    """
    parts, pairs, columns = g.shape
    rows = rows + np.int64(left.ctypes.data)
    sums = np.empty((last - first, ROWS * WIDE), np.int32)
    for panel in range(total.shape[0]):
        vectors = 1 if columns - panel * WIDE <= LANES else 2
        for part in range(parts):
            factor = 128.0 if part + 1 < parts else 1.0
            for start in range(0, pairs, LONGEST_SUM):
                stop = min(pairs, start + LONGEST_SUM)
                sums[:] = 0
                for block in range(start, stop, _BLOCK):
                    for tile in range(first, last):
                        at, to = (
                            rows.ctypes.data + 8 * ROWS * tile,
                            sums.ctypes.data + 4 * ROWS * WIDE * (tile - first),
                        )
                        offset, count = offsets.ctypes.data + 8 * block, min(_BLOCK, stop - block)
                        gradients = g.ctypes.data + 4 * ((part * pairs + block) * columns + panel * WIDE)
                        _add(vectors, at, offset, count, gradients, 4 * columns, to)
                for tile in range(first, last):
                    for i in range(ROWS * vectors * LANES):
                        total[panel, tile, i] += np.float64(sums[tile - first, i]) * factor


@njit(cache=True, nogil=True)
def pair_products_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(pair_products, arguments), count, each)


@njit(cache=True, nogil=True)
def short_products(left, split, right, scale, out, first, last):
    """Columns of out (O, I), float32: sums over pairs of left and right (pairs, O'), times ``scale``.

    ``split``: left is (panels, pairs, WIDE) of digits and first..last are panels; else left is (1, pairs,
    channels) and they are multiples of WIDE columns. At most LONGEST_SUM pairs.
    """
    pairs, each = right.shape[0], LANES if split else WIDE
    outputs, inputs = out.shape
    offsets, rows, scales = np.empty(pairs, np.int64), np.empty(ROWS, np.int64), np.full(ROWS, scale)
    bias, scratch = np.full(WIDE, np.float32(-0.0)), np.empty((ROWS, WIDE), np.float32)
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
                to, distance = scratch.ctypes.data, 4 * WIDE
            at, offset, factors, added = (
                rows.ctypes.data,
                offsets.ctypes.data,
                scales.ctypes.data,
                bias.ctypes.data,
            )
            _scaled(split, count, at, offset, pairs, columns, stride, factors, added, to, distance)
            if not direct:
                _copy(scratch, out, o, column, min(ROWS, outputs - o), count)


@njit(cache=True, nogil=True)
def short_products_shared(job, count, each, *arguments):
    """Offers the function of that name to all threads; see `shared_work.share`."""
    return share(job, *entry(short_products, arguments), count, each)


@njit(cache=True, nogil=True)
def scaled_weights(total, exponent, channels, columns, out):
    """total (panels, tiles, ROWS * WIDE), row (place, padded channel), times 2^-exponent -> out (O, places,
    channels), float32, rounded once, or float64."""
    scale = power_of_two(-exponent)
    outputs, places, real = out.shape
    scaled = np.empty(ROWS * WIDE, out.dtype)
    for panel in range(total.shape[0]):
        used = LANES if columns - panel * WIDE <= LANES else WIDE
        start, count = panel * WIDE, min(used, outputs - panel * WIDE)
        place, c = 0, 0
        for tile in range(total.shape[1]):
            sums = total[panel, tile]
            for i in range(ROWS * used):
                scaled[i] = sums[i] * scale + 0.0
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
