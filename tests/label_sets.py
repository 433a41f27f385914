"""Small labelled sets made of integers alone, so that they are the same on every machine.

Interpreters without pytest import this too (portability_worker.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np

from mdlcodec.predictors import switched


def blobs(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Integer-valued columns around k centres: no generator but integers, so that the bytes are the same."""
    state, rows = seed * 2654435761 + 12345, []
    for i in range(n):
        row = []
        for j in range(5):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            row.append(((i % k) * (j + 3)) % 11 * 40 + (state >> 33) % 60)
        rows.append(row)
    return np.array(rows), np.arange(n) % k


def images(n: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares in one of four corners."""
    state, pixels = 99, np.zeros((n, side, side), np.uint8)
    for i in range(n):
        corner, half = i % 4, side // 2
        for a in range(half):
            for b in range(half):
                state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
                pixels[i, (corner // 2) * half + a, (corner % 2) * half + b] = 100 + (state >> 33) % 100
    return pixels, np.arange(n) % 4


def oblong(n):
    """Coloured images of 20x18 places."""
    pixels, _ = images(n, 20)
    return np.stack([pixels[:, :, :18], pixels[:, :, 2:], pixels[:, ::-1, :18] // 2], -1)


def coloured(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Coloured images of 22x20 places, with labels."""
    pixels, y = images(n, 22)
    return np.stack([pixels[:, :, :20], pixels[:, :, 2:], pixels[:, ::-1, :20] // 2], -1), y


# inputs, labels, network, preset
CASES = {
    "mlp": (*blobs(90, 3), "mlp", 1),
    "kernel": (*blobs(90, 3), "kernel", 1),
    "cnn": (*images(60, 6), "cnn", 1),
    "cnn large": (*images(30, 20), "cnn", 1),
    "cnn large, selective": (*images(40, 20), "cnn", 4),
    "large images in colour": (*coloured(20), "cnn", 4),
    "large grey images": (*images(24, 20), "cnn", 6),
    "tiny-cnn": (*images(60, 8), "tiny-cnn", 1),
    "lenet-300-100": (*blobs(60, 3), "lenet-300-100", 1),
    "kernel images": (*images(60, 8), "kernel", 1),
    "probe": (*blobs(60, 3), "mlp", 10),
}

# inputs, labels, preset, and for how many examples kernel and neighbours are (all: None): for the switching code
SWITCHED = {
    "columns": (*blobs(90, 3), 1, None),
    "images": (*images(40, 8), 6, None),
    "columns, few": (*blobs(90, 3), 1, 25),
    "images, few": (*images(40, 20), 4, 15),
    "large images in colour": (*coloured(14), 5, 9),
    "large grey images": (*images(14, 20), 5, 9),
    "probe": (*blobs(60, 3), 10, 25),
}


@contextmanager
def first_examples(few: int | None) -> Iterator[None]:
    """Kernel and neighbours as in a set of more than 4,000 examples, but for the first ``few`` alone."""
    if few is None:
        yield
        return
    presets = dict.fromkeys(range(1, 11), few)
    with mock.patch.object(switched, "KERNEL_LIMIT", 0), mock.patch.object(switched, "SWITCHING", presets):
        yield
