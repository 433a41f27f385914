"""Networks of large grey images (formats/prequential.md, "Large grey images")."""

from functools import partial

import numpy as np

from decoder.blocks import mean_logarithms, softmaxes
from decoder.cnn import cnn, large_warp, normalised
from decoder.colour_images import Passes
from decoder.frame import Unsupported

# as in cnn.LARGE: steps, width, members, wide
SELECTIVE = {
    5: (24, 32, 2, 1),
    6: (32, 32, 3, 1),
    7: (28, 48, 2, 2),
    8: (32, 48, 2, 2),
    9: (36, 48, 4, 2),
}
# images, a, b, members
MIRRORED = {
    5: (60, 32, 128, 1),
    6: (60, 32, 128, 1),
    7: (60, 32, 128, 1),
    8: (100, 32, 128, 1),
    9: (150, 48, 192, 1),
}
WARPED = {
    6: (60, 32, 128, 1),
    7: (100, 32, 128, 1),
    8: (130, 32, 128, 1),
    9: (150, 48, 192, 1),
}


def passes(features, k, preset, seed, member, images_of, warped):
    """The mirrored or the warped ones, or one of them alone, by its number among these."""
    images, a, b, count = (WARPED if warped else MIRRORED)[preset]
    first = SELECTIVE[preset][2] + (MIRRORED[preset][3] if warped else 0)
    numbers = range(first, first + count) if member is None else [first + member]
    images = images_of(images) if images_of else images
    warp = large_warp(min(features.shape[1:3])) if warped else None
    return Passes(normalised(features), k, images, a, b, numbers, seed, warp)


def kinds(features, preset):
    """(maker of a predictor with all or one of its members, how many these are) of each kind."""
    if features.ndim != 4 or features.shape[3] != 1 or min(features.shape[1:3]) < 20 or preset < 5:
        raise Unsupported("this network for these inputs or this preset")
    yield partial(cnn, large=SELECTIVE), SELECTIVE[preset][2]
    yield partial(passes, warped=False), MIRRORED[preset][3]
    if preset in WARPED:
        yield partial(passes, warped=True), WARPED[preset][3]


class GreyImages:
    """All kinds."""

    def __init__(self, features, k, preset, seed):
        self.n, self.k = len(features), k
        self.kinds = [make(features, k, preset, seed, None, None) for make, _ in kinds(features, preset)]
        self.groups = [[0, other] for other in range(1, len(self.kinds))]
        if len(self.kinds) > 2:
            self.groups.append(list(range(len(self.kinds))))
        self.sets = sum(kind.sets for kind in self.kinds) + len(self.groups)

    def block_end(self, start):
        """Where the block that begins at start ends."""
        return self.kinds[0].block_end(start)

    def predict(self, start, stop):
        """Scores, float64 (stop - start, sets, K)."""
        own = [kind.predict(start, stop) for kind in self.kinds]
        p = [softmaxes(scores[:, -1]) for scores in own]
        pools = [mean_logarithms([p[kind] for kind in group])[:, None] for group in self.groups]
        return np.concatenate([*own, *pools], 1)

    def learn(self, start, stop, labels):
        """Takes labels start..stop-1."""
        for kind in self.kinds:
            kind.learn(start, stop, labels)
