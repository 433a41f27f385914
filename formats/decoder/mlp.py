# ruff: noqa: N806 (capitals as on the page)
"""The mlp (formats/prequential.md, "mlp")."""

import itertools
import math

import numpy as np

from decoder.blocks import columnsum, mean_logarithms, softmaxes
from decoder.frame import Unsupported
from decoder.layers import Dropout, FullyConnected, ReLU
from decoder.training import Member, NetworkPredictor

f32 = np.float32


def encoded(x):
    """Piecewise-linear encoding."""
    x = x.reshape(len(x), -1)
    uniques = [np.unique(column, return_inverse=True, return_counts=True) for column in x.T]
    numbers = sum(len(u[0]) >= 3 for u in uniques)
    bins = max(3, min(15, 512 // max(1, numbers)))
    columns, previous = list(x.T), None
    for v, index, count in uniques:
        m = len(v)
        if m >= 3 and not (previous is not None and np.array_equal(index, previous)):
            if m <= bins + 1:
                columns += [(index >= j).astype(f32) for j in range(1, m)]
            else:
                total = 0.0
                for c in count:
                    total = total + math.sqrt(c)
                edges, found, p = [0], 1, 0.0
                for i in range(m - 1):
                    p = p + math.sqrt(count[i])
                    if p * bins >= total * found and i > edges[-1] and found < bins:
                        edges.append(i)
                        found += 1
                if m - 1 > edges[-1]:
                    edges.append(m - 1)
                at = v.astype(np.float64)
                for low, high in itertools.pairwise(edges):
                    t = (at[index] - at[low]) / (at[high] - at[low])
                    columns.append(np.minimum(np.maximum(t, 0.0), 1.0).astype(f32))
        previous = index
    out = np.stack(columns, 1).astype(f32)
    return (out.astype(np.float64) - columnsum(out) / float(len(out))).astype(f32)


class Pooled(NetworkPredictor):
    """The members' score sets and the logarithm of the mean of their softmax."""

    more_sets = 1

    def predict(self, start, stop):
        """Scores, float64 (stop - start, sets, K)."""
        single = super().predict(start, stop)
        mean = mean_logarithms([softmaxes(single[:, e]) for e in range(len(self.members))])
        return np.concatenate([single, mean[:, None]], 1)


MLP = {
    1: (1, 64, 1),
    2: (1, 128, 1),
    3: (1, 192, 1),
    4: (1, 256, 1),
    5: (1, 256, 2),
    6: (1, 256, 3),
    7: (2, 512, 3),
    8: (2, 1024, 6),
    9: (3, 1024, 9),
    10: (2, 256, 1),
}

KEPT = [(45875, 45875), (52429, 52429), (45875, 32768)]


def mlp(features, k, preset, seed):
    """The predictor of a preset."""
    return Pooled(*mlp_members(features, k, preset, seed))


def mlp_members(features, k, preset, seed, kind=Member):
    """Encoded features, outputs, networks, their schedules and groups."""
    if preset == 10 and features.ndim != 2:
        raise Unsupported("probes of what is no columns")
    steps, width, count = MLP[preset]
    x = features if preset == 10 else encoded(features)
    n, d = x.shape
    P = 0.0
    for v in columnsum(x.astype(np.float64) * x):
        P = P + v
    P = P / float(n)
    g = math.sqrt(2.0 * d / P) if P else 1.0
    recipe = {
        "batch": 64,
        "base": 20,
        "rate": 1e-3,
        "rate_steps": 1e9,
        "decay": 0.01,
        "b2": 0.999,
        "horizon": 8,
        "smoothing": 0.0,
    }
    members = []
    if preset == 10:
        recipe |= {"batch": 128, "base": 5, "rate": 2e-3, "horizon": 20}
        layers = [Dropout(32768), FullyConnected(d, width, g, True), ReLU()]
        layers += [Dropout(45875), FullyConnected(width, k, 0.0)]
        members.append(kind(layers, seed, 0, recipe))
    for e in range(0 if preset == 10 else count):
        first, other = KEPT[e % 3]
        members.append(
            kind(
                [
                    Dropout(first),
                    FullyConnected(d, width, g, True),
                    ReLU(),
                    Dropout(other),
                    FullyConnected(width, width, math.sqrt(2.0)),
                    ReLU(),
                    Dropout(other),
                    FullyConnected(width, k, 0.0),
                ],
                seed,
                e,
                recipe,
            )
        )
    members.append(
        kind([FullyConnected(d, k, 0.0, True)], seed, count, {**recipe, "rate": 2e-3, "decay": 0.03})
    )
    power = (4, 5) if preset == 10 else (1, 1)
    schedules = [(steps, *power)] * count + [(1, *power)]
    return x, k, members, schedules, [[e] for e in range(count + 1)]
