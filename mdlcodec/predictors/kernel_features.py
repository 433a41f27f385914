"""What the kernel measures distances between: convolutional random features of images (formats/kernel.md).

One layer of random 3 x 3 filters with a soft threshold (Coates & Ng 2011, "The importance of encoding versus
training with sparse coding and vector quantization", section 2.2.3), pooled with binomial weights.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.cholesky import in_threads
from mdlcodec.exact.random import Stream

LARGEST_SIDE = 32  # larger images are averaged down to at most this
SMALLEST_SIDE = 4  # smaller ones, and those of more channels, are plain vectors
MOST_CHANNELS = 16
THRESHOLD = 0.4
_IMAGES_AT_ONCE = 64
_RESPONSE = 10  # operations: a multiply-add of filters and pooling, in float64


def averaging(h: int, w: int) -> int:
    """The side of the squares of pixels that are averaged."""
    return -(-max(h, w) // LARGEST_SIDE)


def stride(h: int, w: int) -> int:
    """Distance of the places where features are pooled, in pixels: 1, 2 up to 12, 3 up to 20, or 4."""
    return min(4, (max(h, w) + 11) // 8)


def pooled_places(side: int, step: int) -> np.ndarray:
    """The coordinates, int64, around which features are pooled."""
    first = step // 2 if side % step == 0 else 0
    return np.arange(first, side, step, dtype=np.int64)


def binomial_weights(step: int) -> np.ndarray:
    """Pooling weights float64 (2 b + 1,), b = max(1, step^2 // 2): a row of Pascal's triangle over 4^b."""
    row = [1]
    steps = 2 * max(1, step * step // 2)
    for _ in range(steps):
        row = [a + b for a, b in zip([0, *row], [*row, 0], strict=True)]
    return np.array(row, np.float64) / np.float64(1 << steps)


@njit(cache=True)
def _centre_and_normalise(filters: np.ndarray) -> None:
    taps, count = filters.shape
    for f in range(count):
        total = 0.0
        for t in range(taps):
            total = total + filters[t, f]
        mean = total / np.float64(taps)
        squares = 0.0
        for t in range(taps):
            filters[t, f] = filters[t, f] - mean
            squares = squares + filters[t, f] * filters[t, f]
        norm = np.sqrt(squares)
        for t in range(taps):
            filters[t, f] = filters[t, f] / norm


def random_filters(channels: int, count: int, stream: Stream) -> np.ndarray:
    """Filters float64 (9 * channels, count): standard normals, each filter centred and of norm 1."""
    filters = stream.normals((9 * channels, count)).astype(np.float64)
    _centre_and_normalise(filters)
    return filters


@njit(cache=True, nogil=True)
def _root_of_averages(image: np.ndarray, side: int, out: np.ndarray) -> None:
    h, w, channels = out.shape
    for y in range(h):
        for x in range(w):
            for c in range(channels):
                total = 0.0
                for i in range(side):
                    for j in range(side):
                        total = total + np.float64(image[y * side + i, x * side + j, c])
                mean = total / np.float64(side * side)
                out[y, x, c] = np.sqrt(mean) if mean > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _respond(image: np.ndarray, filters: np.ndarray, patch: np.ndarray, out: np.ndarray) -> None:
    """out[y, x, f] = max(0, w_f . p - THRESHOLD |p|) for the centred patch p around (y, x)."""
    h, w, channels = image.shape
    taps, count = filters.shape
    for y in range(h):
        for x in range(w):
            total = 0.0
            for t in range(taps):
                i, j, c = y + t // (3 * channels) - 1, x + t // channels % 3 - 1, t % channels
                patch[t] = image[i, j, c] if 0 <= i < h and 0 <= j < w else 0.0
                total = total + patch[t]
            mean = total / np.float64(taps)
            squares = 0.0
            for t in range(taps):
                patch[t] = patch[t] - mean
                squares = squares + patch[t] * patch[t]
            row = out[y, x]
            row[:] = 0.0
            for t in range(taps):
                weights = filters[t]
                v = patch[t]
                for f in range(count):
                    row[f] = row[f] + v * weights[f]
            threshold = THRESHOLD * np.sqrt(squares)
            for f in range(count):
                v = row[f] - threshold
                row[f] = v if v > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _pool(
    responses: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, out: np.ndarray
) -> None:
    """Weighted sums along x, then along y, of responses (h, w, f) -> square roots of them, (rows, columns, f)."""
    h, w, count = responses.shape
    reach = weights.size // 2
    along_x = np.zeros((h, columns.size, count))
    for y in range(h):
        for b in range(columns.size):
            total = along_x[y, b]
            for t in range(weights.size):
                x = columns[b] + t - reach
                if 0 <= x < w:
                    r = responses[y, x]
                    for f in range(count):
                        total[f] = total[f] + weights[t] * r[f]
    for a in range(rows.size):
        for b in range(columns.size):
            total = out[a, b]
            total[:] = 0.0
            for t in range(weights.size):
                y = rows[a] + t - reach
                if 0 <= y < h:
                    r = along_x[y, b]
                    for f in range(count):
                        total[f] = total[f] + weights[t] * r[f]
            for f in range(count):
                total[f] = np.sqrt(total[f])


@njit(cache=True, nogil=True)
def _image_features(
    images: np.ndarray,
    side: int,
    filters: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
) -> None:
    n, h, w, channels = images.shape
    taps, count = filters.shape
    image = np.empty((h // side, w // side, channels))
    responses = np.empty((h // side, w // side, count))
    patch = np.empty(taps)
    for i in range(n):
        _root_of_averages(images[i], side, image)
        _respond(image, filters, patch, responses)
        _pool(responses, rows, columns, weights, out[i])


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape (of one example) get convolutional features."""
    if len(shape) != 3 or not 1 <= shape[2] <= MOST_CHANNELS:
        return False
    side = averaging(shape[0], shape[1])
    return min(shape[0], shape[1]) // side >= SMALLEST_SIDE


def dimensions(shape: tuple[int, ...], count: int) -> int:
    """Features of one example of this shape, with ``count`` filters."""
    if not is_picture(shape):
        d = 1
        for extent in shape:
            d *= extent
        return d
    h, w = (extent // averaging(shape[0], shape[1]) for extent in shape[:2])
    step = stride(h, w)
    return int(pooled_places(h, step).size * pooled_places(w, step).size * count)


def features_work(shape: tuple[int, ...], count: int) -> int:
    """Operations for the features of one example of this shape, with ``count`` filters."""
    if not is_picture(shape):
        return 0
    h, w = (extent // averaging(shape[0], shape[1]) for extent in shape[:2])
    step = stride(h, w)
    rows, columns = pooled_places(h, step).size, pooled_places(w, step).size
    pooled = (h + rows) * columns * binomial_weights(step).size
    return _RESPONSE * count * (h * w * 9 * shape[2] + pooled)


def kernel_columns(features: np.ndarray, count: int, stream: Stream) -> np.ndarray:
    """What distances are taken between, one example a column: float64 (d, n), C-contiguous.

    features: float32 (n, ...), in [0, 1] for images (n, h, w, c); ``count`` filters are drawn from ``stream``.
    """
    n, shape = features.shape[0], features.shape[1:]
    if not is_picture(shape):
        return np.ascontiguousarray(features.reshape(n, -1).T, dtype=np.float64)
    side = averaging(shape[0], shape[1])
    h, w = shape[0] // side, shape[1] // side
    step = stride(h, w)
    rows, columns, weights = pooled_places(h, step), pooled_places(w, step), binomial_weights(step)
    filters = random_filters(shape[2], count, stream)
    out = np.empty((n, rows.size, columns.size, count))

    def some(start: int) -> None:
        stop = min(n, start + _IMAGES_AT_ONCE)
        _image_features(features[start:stop], side, filters, rows, columns, weights, out[start:stop])

    in_threads(some, range(0, n, _IMAGES_AT_ONCE))
    return np.ascontiguousarray(out.reshape(n, -1).T)
