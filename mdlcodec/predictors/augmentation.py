"""Batches of images mirrored, shifted, and with a part of another pasted in (formats/prequential.md, "Large
images in colour").

Cutmix: Yun et al. 2019. Mirrored every other pass over the examples: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds
on a single GPU".
"""

from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.random import Stream
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size

_HALF = np.uint64(1 << 63)


@njit(cache=True, nogil=True)
def _inside(at: int, extent: int) -> int:
    """A place beyond an edge, reflected at the edge's place; the shift is smaller than the extent."""
    if at < 0:
        return -at
    return 2 * (extent - 1) - at if at >= extent else at


@njit(cache=True, nogil=True)
def _shift(images, rows, down, right, mirrored, out, first, last):
    _, height, width, channels = images.shape
    for i in range(first, last):
        image = images[rows[i]]
        for y in range(height):
            line = image[_inside(y + down[i], height)]
            for x in range(width):
                at = _inside(x + right[i], width)
                at = width - 1 - at if mirrored[i] else at
                for c in range(channels):
                    out[i, y, x, c] = line[at, c]


@njit(cache=True, nogil=True)
def _shift_shared(job, count, each, *arguments):
    return share(job, *entry(_shift, arguments), count, each)


def shifted(
    images: np.ndarray, rows: np.ndarray, mirrored: np.ndarray, most: int, stream: Stream
) -> np.ndarray:
    """images[rows], mirrored where told to, and moved by up to ``most`` places each way, reflected at the edges:
    float32 (n, h, w, c), int64 (m,), bool (m,) -> float32 (m, h, w, c)."""
    down = stream.below(2 * most + 1, rows.size) - most
    right = stream.below(2 * most + 1, rows.size) - most
    return _shifted(images, rows, down, right, mirrored)


def views_of(images: np.ndarray) -> list[np.ndarray]:
    """What predictions are averaged over, float32 (m, h, w, c) each: the images, mirrored ones, images moved by a
    place up and left, and mirrored ones moved down and right, reflected at the edges."""
    rows = np.arange(images.shape[0])
    moves = [(0, False), (0, True), (1, False), (-1, True)]
    return [
        _shifted(
            images, rows, np.full(rows.size, move), np.full(rows.size, move), np.full(rows.size, mirrored)
        )
        for move, mirrored in moves
    ]


def _shifted(
    images: np.ndarray, rows: np.ndarray, down: np.ndarray, right: np.ndarray, mirrored: np.ndarray
) -> np.ndarray:
    out = np.empty((rows.size, *images.shape[1:]), np.float32)
    arguments = images, rows, down, right, mirrored, out
    in_parts(_shift, _shift_shared, arguments, rows.size, part_size(rows.size, 1, out.size * VALUE))
    return out


@dataclass(frozen=True)
class Pasted:
    """What cutmix did to a batch: whose part each image has (m,), and which share of its places that is."""

    others: np.ndarray
    share: float


def pasted(images: np.ndarray, stream: Stream) -> Pasted | None:
    """In half of all batches a rectangle of each image, float32 (m, h, w, c), is replaced in place by the same of
    another one; None in the other half."""
    if stream.words(1)[0] < _HALF:
        return None
    m, height, width, _ = images.shape
    others = stream.permutation(m)
    # the rectangle has a uniform share of the places, and the image's proportions
    side = np.sqrt(np.float64(stream.words(1)[0] >> np.uint64(11)) * 1.1102230246251565e-16)
    high, wide = int(side * np.float64(height)), int(side * np.float64(width))
    top, left = int(stream.below(height - high + 1, 1)[0]), int(stream.below(width - wide + 1, 1)[0])
    part = (slice(None), slice(top, top + high), slice(left, left + wide))
    images[part] = images[others][part]
    return Pasted(others, (high * wide) / (height * width))
