# ruff: noqa: N802 (capitals as on the page)
"""The cnn (formats/prequential.md, "cnn")."""

import math

import numpy as np

from decoder.blocks import columnsum, mean_logarithms, softmaxes
from decoder.frame import Damaged, Unsupported
from decoder.layers import BatchNormalisation, Convolution, Flatten, Fold, FullyConnected, ReLU
from decoder.pooling import Maximum
from decoder.training import Member, NetworkPredictor
from decoder.warps import Warp

f32 = np.float32

CNN = {
    1: (2, 16, 1),
    2: (4, 16, 1),
    3: (5, 32, 1),
    4: (7, 32, 1),
    5: (10, 32, 1),
    6: (12, 32, 2),
    7: (20, 48, 2),
    8: (40, 64, 3),
    9: (60, 96, 4),
}


def normalised(images):
    """Images over their root mean square."""
    squares = columnsum((images.astype(np.float64) * images).reshape(-1, 1))[0]
    if squares == 0.0:
        return images
    return (images.astype(np.float64) / math.sqrt(squares / float(images.size))).astype(f32)


LARGE = {
    4: (20, 32, 1, 1),
    5: (24, 32, 2, 1),
    6: (32, 32, 3, 1),
    7: (36, 48, 2, 2),
    8: (40, 64, 2, 2),
    9: (40, 64, 4, 2),
}

RECIPE = {"batch": 32, "base": 2, "rate": 4e-3, "rate_steps": 5000.0, "decay": 0.0, "b2": 0.99, "horizon": 10}


class Selective(Member):
    """Selective batches."""

    def choose(self, known):
        """A batch in at most eight rounds."""
        if not hasattr(self, "given"):
            self.given = {}
        kept = []
        for _ in range(8):
            numbers, words = self.numbers.below(known, 256), self.numbers.words(256)
            kept += [
                i
                for i, w in zip(numbers, words, strict=False)
                if self.given.get(i, 0.0) <= 0.95 or w < 1 << 61
            ]
            if len(kept) >= 32:
                break
        else:
            kept += numbers
        return kept[:32]

    def note(self, chosen, p, y):
        """Keeps what the training pass gave each example."""
        for row, i in enumerate(chosen):
            self.given[i] = float(p[row, y[row]])


def moved(x):
    """Images as they are, and moved by one place to the left, right, up and down."""
    left, right, up, down = (np.zeros_like(x) for _ in range(4))
    left[:, :, :-1], right[:, :, 1:] = x[:, :, 1:], x[:, :, :-1]
    up[:, :-1], down[:, 1:] = x[:, 1:], x[:, :-1]
    return x, left, right, up, down


class Shifted(NetworkPredictor):
    """Two score sets: images as they are, and all five."""

    more_sets = 1

    def predict(self, start, stop):
        """Scores, float64 (stop - start, 2, K)."""
        p = [softmaxes(m.scores(v)) for v in moved(self.features[start:stop]) for m in self.members]
        out = np.zeros((stop - start, 2, self.k))
        for s, group in enumerate((p[: len(self.members)], p)):
            out[:, s] = mean_logarithms(group)
        return out


def large_warp(side):
    """How large images are warped."""
    return Warp((0.3, 0.18, 0.18, 0.22), 1.9 * (side / 28.0), True)


class Builder:
    """Layers of a cnn, one after another."""

    def __init__(self, shape):
        self.rows, self.columns, self.channels = shape
        self.side, self.layers, self.first = min(shape[:2]), [], True

    def C(self, width):
        """Convolution, normalisation, ReLU."""
        self.layers += [
            Convolution(self.channels, width, math.sqrt(2.0), self.first),
            BatchNormalisation(width),
            ReLU(),
        ]
        self.channels, self.first = width, False

    def pool(self):
        """Pool, where the smaller side allows it."""
        if self.side >= 2:
            self.layers.append(Maximum())
            self.rows, self.columns = self.rows // 2, self.columns // 2

    def fold(self):
        """Fold, or Pool where a side is odd."""
        if self.rows % 2 or self.columns % 2:
            self.pool()
            return
        self.layers.append(Fold())
        self.channels, self.rows, self.columns = 4 * self.channels, self.rows // 2, self.columns // 2

    def end(self, k):
        """All layers, with the last one."""
        return [*self.layers, Flatten(), FullyConnected(self.rows * self.columns * self.channels, k, 0.1)]


def cnn(features, k, preset, seed, member=None, steps_of=None, large=LARGE):
    """A network predictor; of the one member given alone, with other steps, for the switching code; ``large``: the
    presets of large images."""
    if features.ndim != 4:
        raise Damaged("its network does not fit these inputs")
    x = normalised(features)
    shape = x.shape[1:]
    side = min(shape[:2])
    is_large = side >= 20 and preset >= 4
    if is_large and shape[2] == 3:
        raise Unsupported("networks of large images in colour of an early version")
    steps, width, count, wide = large[preset] if is_large else (*CNN[preset], 0)
    members = []
    for e in range(count) if member is None else [member]:
        b = Builder(shape)
        if is_large:
            b.fold(), b.C(width), b.C(width), b.pool()
            for _ in range(wide):
                b.C(2 * width)
            left = side // 4
            while left > 14:
                b.pool(), b.C(2 * width)
                left //= 2
            members.append(Selective(b.end(k), seed, e, {**RECIPE, "smoothing": 0.0}, large_warp(side)))
            continue
        if side >= 20:
            b.fold(), b.C(width // 2), b.C(width // 2)
        else:
            b.C(width), b.C(width)
        b.pool(), b.C(width)
        warp = Warp((0.2, 0.12, 0.12, 0.15), side / 22.0)
        members.append(Member(b.end(k), seed, e, {**RECIPE, "smoothing": 0.0 if side >= 20 else 0.1}, warp))
    schedule = (steps_of(steps) if steps_of else steps, 3, 5 if is_large else 4)
    kind = Shifted if is_large else NetworkPredictor
    return kind(x, k, members, [schedule] * len(members), [list(range(len(members)))])
