"""Small affine warps of images, one per example (formats/prequential.md, "Augmentation")."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from mdlcodec.exact.random import Stream


@dataclass(frozen=True)
class Warp:
    """Largest rotation (radians), relative scale, shear, and shift (pixels) of a random affine warp."""

    rotation: float
    scale: float
    shear: float
    shift: float


WORDS_PER_EXAMPLE = 6


@njit(cache=True)
def _signed_unit(word: np.uint64) -> float:
    """A multiple of 2^-52 in [-1, 1)."""
    return np.float64(np.int64(word >> np.uint64(11)) - 4503599627370496) * 2.220446049250313e-16


@njit(cache=True)
def _warp(images, rows, words, rotation, scale, shear, shift, out):
    _, height, width, channels = images.shape
    middle_y, middle_x = np.float64(height - 1) * 0.5, np.float64(width - 1) * 0.5
    for i in range(rows.size):
        source = images[rows[i]]
        angle = rotation * _signed_unit(words[i, 0])
        stretch_x = 1.0 + scale * _signed_unit(words[i, 1])
        stretch_y = 1.0 + scale * _signed_unit(words[i, 2])
        slant = shear * _signed_unit(words[i, 3])
        shift_x = shift * _signed_unit(words[i, 4])
        shift_y = shift * _signed_unit(words[i, 5])
        # the cosine and sine of a small angle to second order: a warp, not a rotation table
        cosine, sine = 1.0 - angle * angle * 0.5, angle
        xx, xy = stretch_x * cosine, slant - sine * stretch_x
        yx, yy = sine * stretch_y, stretch_y * cosine
        for y in range(height):
            v = np.float64(y) - middle_y
            for x in range(width):
                u = np.float64(x) - middle_x
                at_x = xx * u + xy * v + (middle_x + shift_x)
                at_y = yx * u + yy * v + (middle_y + shift_y)
                left, top = np.int64(np.floor(at_x)), np.int64(np.floor(at_y))
                part_x, part_y = at_x - np.float64(left), at_y - np.float64(top)
                for c in range(channels):
                    total = 0.0
                    # top left, top right, bottom left, bottom right; zero outside
                    if 0 <= top < height and 0 <= left < width:
                        total += np.float64(source[top, left, c]) * ((1.0 - part_y) * (1.0 - part_x))
                    if 0 <= top < height and 0 <= left + 1 < width:
                        total += np.float64(source[top, left + 1, c]) * ((1.0 - part_y) * part_x)
                    if 0 <= top + 1 < height and 0 <= left < width:
                        total += np.float64(source[top + 1, left, c]) * (part_y * (1.0 - part_x))
                    if 0 <= top + 1 < height and 0 <= left + 1 < width:
                        total += np.float64(source[top + 1, left + 1, c]) * (part_y * part_x)
                    out[i, y, x, c] = np.float32(total)


def warped(images: np.ndarray, rows: np.ndarray, warp: Warp, stream: Stream) -> np.ndarray:
    """Random warps of images[rows]: float32 (n, h, w, c), int64 (m,) -> float32 (m, h, w, c)."""
    words = stream.words(rows.size * WORDS_PER_EXAMPLE).reshape(rows.size, WORDS_PER_EXAMPLE)
    out = np.empty((rows.size, *images.shape[1:]), np.float32)
    _warp(images, rows, words, warp.rotation, warp.scale, warp.shear, warp.shift, out)
    return out
