"""Small random warps of images: affine plus elastic, one per example (formats/prequential.md)."""

from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.random import Stream
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size


@dataclass(frozen=True)
class Warp:
    """Largest rotation (radians), relative scale, shear and shift (pixels), each uniform; and the standard
    deviation (pixels) of the elastic displacements, normal on a 4x4 grid and bilinear between."""

    rotation: float
    scale: float
    shear: float
    shift: float
    elastic: float
    varied: bool = False  # every image's warp is scaled by a uniform strength of its own


_AFFINE_WORDS = 6
_GRID = 4


@njit(cache=True, nogil=True)
def _signed_unit(word: np.uint64) -> float:
    """A multiple of 2^-52 in [-1, 1)."""
    return np.float64(np.int64(word >> np.uint64(11)) - 4503599627370496) * 2.220446049250313e-16


@njit(cache=True, nogil=True)
def _bilinear(grid: np.ndarray, at_y: float, at_x: float) -> float:
    """The value of a (4, 4) grid at a place in [0, 3] x [0, 3]."""
    top, left = min(int(at_y), _GRID - 2), min(int(at_x), _GRID - 2)
    y, x = at_y - np.float64(top), at_x - np.float64(left)
    upper = np.float64(grid[top, left]) * (1.0 - x) + np.float64(grid[top, left + 1]) * x
    lower = np.float64(grid[top + 1, left]) * (1.0 - x) + np.float64(grid[top + 1, left + 1]) * x
    return upper * (1.0 - y) + lower * y


@njit(cache=True, nogil=True)
def _sample(source: np.ndarray, at_y: float, at_x: float, out: np.ndarray) -> None:
    """Bilinear value of an image (H, W, C) at a place, zero outside, into out (C,)."""
    height, width, channels = source.shape
    left, top = np.int64(np.floor(at_x)), np.int64(np.floor(at_y))
    x, y = at_x - np.float64(left), at_y - np.float64(top)
    for c in range(channels):
        # top left, top right, bottom left, bottom right, added in this order
        total = 0.0
        if 0 <= top < height and 0 <= left < width:
            total += np.float64(source[top, left, c]) * ((1.0 - y) * (1.0 - x))
        if 0 <= top < height and 0 <= left + 1 < width:
            total += np.float64(source[top, left + 1, c]) * ((1.0 - y) * x)
        if 0 <= top + 1 < height and 0 <= left < width:
            total += np.float64(source[top + 1, left, c]) * (y * (1.0 - x))
        if 0 <= top + 1 < height and 0 <= left + 1 < width:
            total += np.float64(source[top + 1, left + 1, c]) * (y * x)
        out[c] = np.float32(total)


@njit(cache=True, nogil=True)
def _warp(images, rows, words, grids, limits, varied, out, first, last):
    rotation, scale, shear, shift, elastic = limits
    height, width = images.shape[1], images.shape[2]
    middle_y, middle_x = np.float64(height - 1) * 0.5, np.float64(width - 1) * 0.5
    cells = np.float64(_GRID - 1)
    step_y, step_x = cells / np.float64(max(1, height - 1)), cells / np.float64(max(1, width - 1))
    for i in range(first, last):
        strength = abs(_signed_unit(words[i, 6])) if varied else 1.0
        angle = rotation * strength * _signed_unit(words[i, 0])
        stretch_x = 1.0 + scale * strength * _signed_unit(words[i, 1])
        stretch_y = 1.0 + scale * strength * _signed_unit(words[i, 2])
        slant = shear * strength * _signed_unit(words[i, 3])
        shift_x = shift * strength * _signed_unit(words[i, 4])
        shift_y = shift * strength * _signed_unit(words[i, 5])
        bend = elastic * strength
        # the cosine and sine of a small angle to second order: no table, no libm
        cosine, sine = 1.0 - angle * angle * 0.5, angle
        xx, xy = stretch_x * cosine, slant - sine * stretch_x
        yx, yy = sine * stretch_y, stretch_y * cosine
        for y in range(height):
            v = np.float64(y) - middle_y
            for x in range(width):
                u = np.float64(x) - middle_x
                at_x = xx * u + xy * v + (middle_x + shift_x)
                at_y = yx * u + yy * v + (middle_y + shift_y)
                if bend > 0.0:
                    grid_y, grid_x = np.float64(y) * step_y, np.float64(x) * step_x
                    at_x = at_x + bend * _bilinear(grids[i, 0], grid_y, grid_x)
                    at_y = at_y + bend * _bilinear(grids[i, 1], grid_y, grid_x)
                _sample(images[rows[i]], at_y, at_x, out[i, y, x])


@njit(cache=True, nogil=True)
def _warp_shared(job, count, each, *arguments):
    return share(job, *entry(_warp, arguments), count, each)


def warped(images: np.ndarray, rows: np.ndarray, warp: Warp, stream: Stream) -> np.ndarray:
    """Random warps of images[rows]: float32 (n, h, w, c), int64 (m,) -> float32 (m, h, w, c)."""
    each = _AFFINE_WORDS + warp.varied
    words = stream.words(rows.size * each).reshape(rows.size, each)
    grids = np.zeros((1, 2, _GRID, _GRID), np.float32)
    if warp.elastic > 0:
        grids = stream.normals((rows.size, 2, _GRID, _GRID))
    out = np.empty((rows.size, *images.shape[1:]), np.float32)
    limits = warp.rotation, warp.scale, warp.shear, warp.shift, warp.elastic
    arguments = images, rows, words, grids, limits, warp.varied, out
    each = part_size(rows.size, 1, 50 * out.size * VALUE)
    in_parts(_warp, _warp_shared, arguments, rows.size, each)
    return out
