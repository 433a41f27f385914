"""The switching code (formats/switching.md)."""

import numpy as np

from decoder import colour_images, grey_images
from decoder.cnn import CNN, LARGE, cnn
from decoder.elementary import log
from decoder.frame import Unsupported
from decoder.kernel import Kernel
from decoder.mlp import mlp
from decoder.portfolio import Entry, Portfolio

FEW = {1: 500, 2: 1000, 3: 1000, 4: 2000, 5: 2000, 6: 2000, 7: 4000, 8: 4000, 9: 8000, 10: 2000}


def few_of(n, preset):
    """For how many examples kernel and neighbours are."""
    return n if n <= 4000 else min(n, FEW[preset])


class Neighbours:
    """Nearest neighbours."""

    sets = 3

    def __init__(self, d, k):
        self.d, self.k, self.n, self.labels = d, k, len(d), []

    def block_end(self, start):
        """Where the block that begins at start ends."""
        return start + 1

    def predict(self, start, stop):
        """Scores, float64 (1, 3, K)."""
        i, out = start, np.zeros((1, 3, self.k))
        order = sorted(range(i), key=lambda j: (self.d[j, i], j))
        for s, m in enumerate((1, 4, 16)):
            m = min(m, i)
            votes = [0] * self.k
            for j in order[:m]:
                votes[self.labels[j]] += 1
            out[0, s] = [log((v + 0.1) / (float(m) + 0.1 * self.k)) for v in votes]
        return out

    def learn(self, start, stop, labels):
        """Takes label start."""
        self.labels += [int(y) for y in labels]


def networks(features, k, preset, seed, net):
    """Each network of images on its own, with its stopping time."""
    large = min(features.shape[1:3]) >= 20 and preset >= 4
    if net == 14:
        kinds = grey_images.kinds(features, preset)
    elif net == 19:
        kinds = colour_images.kinds(features, preset)
    else:
        kinds = [(cnn, LARGE[preset][2] if large else CNN[preset][2])]
    for kind, count in kinds:
        for e in range(count):
            f = 6 - e % 4
            yield kind(features, k, preset, seed, e, lambda steps, f=f: max(1, steps * f // 6))


class Several(Portfolio):
    """All predictors of the switching code and their pools."""

    def __init__(self, features, k, preset, seed, few=None, net=0):
        if net and features.ndim != 4:
            raise Unsupported("networks of images for columns")
        n, entries = len(features), []
        few = few or few_of(n, preset)
        if features.ndim == 4:
            for p in networks(features, k, preset, seed, net):
                entries.append(Entry(p, n, [p.sets - 1]))
        else:
            p = mlp(features, k, preset, seed)
            entries.append(Entry(p, n, [p.sets - 1]))
        p = Kernel(features[:few], k, preset, seed)
        entries += [Entry(p, few, list(range(p.sets))), Entry(Neighbours(p.d, k), few, None)]
        super().__init__(entries, n, k)
