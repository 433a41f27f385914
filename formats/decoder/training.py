# ruff: noqa: N806 (capitals as on the page)
"""Members, their steps and blocks (formats/prequential.md, "Network predictors"; arithmetic.md, section 7)."""

import numpy as np

from decoder.blocks import mean_logarithms, softmaxes
from decoder.layers import BatchNormalisation
from decoder.random_numbers import Stream

f32 = np.float32


class Adam:
    """Adam, b1 = 0.9 (arithmetic.md, section 7)."""

    def __init__(self, b2, decay):
        self.b1, self.b2, self.decay = f32(0.9), f32(b2), decay
        self.p1 = self.p2 = 1.0

    def step(self, rate, tensors):
        """One step in place of (weights, first moments, second moments, gradient) of every tensor, float32."""
        b1, b2 = self.b1, self.b2
        self.p1, self.p2 = self.p1 * float(b1), self.p2 * float(b2)
        r, u = f32(rate / (1.0 - self.p1)), f32(1.0 / (1.0 - self.p2))
        d, c1, c2 = f32(rate * self.decay), f32(1.0) - b1, f32(1.0) - b2
        for w, m, v, g in tensors:
            m[...] = b1 * m + c1 * g
            v[...] = b2 * v + c2 * (g * g)
            w[...] = w - d * w
            w[...] = w - r * m / (np.sqrt(v * u) + f32(1e-8))


def moved_towards(average, weights, c):
    """The average after a step (arithmetic.md, section 7), float32."""
    return average + (weights - average) * c


def cross_entropy_gradient(p, y, smoothing, seconds=None, q=0.0):
    """Gradient of the scores, float32 (N, K), from probabilities p, classes y, and second classes with the share q
    (arithmetic.md, section 6)."""
    target = np.full(p.shape, smoothing / float(p.shape[1]))
    target[np.arange(len(y)), y] += (1.0 - smoothing) * (1.0 - q)
    if q > 0.0:
        target[np.arange(len(y)), seconds] += (1.0 - smoothing) * q
    return ((p - target) / float(len(y))).astype(f32)


class Member:
    """One network, its average, its streams."""

    def __init__(self, layers, seed, e, recipe, warp=None):
        self.layers, self.recipe, self.steps, self.warp = layers, recipe, 0, warp
        first = Stream(seed, 1, e)
        self.state = [layer.initial(first) for layer in layers]
        self.average = [([w.copy() for w in ws], [r.copy() for r in rs]) for ws, rs in self.state]
        self.moments = [
            ([np.zeros_like(w) for w in ws], [np.zeros_like(w) for w in ws]) for ws, _ in self.state
        ]
        self.adam = Adam(recipe["b2"], recipe["decay"])
        self.numbers, self.warps = Stream(seed, 2, e), Stream(seed, 4, e)
        dropout = Stream(seed, 3, e)
        for layer in layers:
            layer.stream = dropout

    def scores(self, x):
        """Scores under the averaged state."""
        for layer, state in zip(self.layers, self.average, strict=False):
            x = layer.forward(x, state, False)
        return x

    def step(self, features, labels, known, k):
        """One step."""
        R = self.recipe
        self.steps += 1
        chosen = self.choose(known)
        x = features[chosen]
        if self.warp:
            x = self.warp(x, self.warps)
        for i, layer in enumerate(self.layers):
            x = layer.forward(x, self.state[i], True)
            if isinstance(layer, BatchNormalisation):
                self.state[i] = (self.state[i][0], layer.running)
        g = self.loss_gradient(x, chosen, np.array(labels)[chosen], k)
        gradients = []
        for layer in reversed(self.layers):
            g, mine = layer.backward(g)
            gradients.insert(0, mine)
            if g is None:
                break
        gradients = [[]] * (len(self.layers) - len(gradients)) + gradients
        rate = R["rate"] / (1.0 + self.steps / R["rate_steps"])
        arrays = zip(self.state, self.moments, gradients, strict=True)
        self.adam.step(
            rate, [t for (ws, _), (ms, vs), gs in arrays for t in zip(ws, ms, vs, gs, strict=True)]
        )
        c = f32((R["horizon"] + 1) / (self.steps + R["horizon"]))
        for (ws, rs), (aw, ar) in zip(self.state, self.average, strict=False):
            for w, a in (*zip(ws, aw, strict=False), *zip(rs, ar, strict=False)):
                a[...] = moved_towards(a, w, c)

    def loss_gradient(self, scores, chosen, y, k):
        """The gradient of the cross-entropy (arithmetic.md, section 6)."""
        p = softmaxes(scores)
        self.note(chosen, p, y)
        return cross_entropy_gradient(p, y, self.recipe["smoothing"])

    def choose(self, known):
        """Example numbers of the batch."""
        return self.numbers.below(known, self.recipe["batch"])

    def note(self, chosen, p, y):
        """Takes note of the probabilities of a training pass."""


def integer_root(x, degree):
    """floor(x^(1 / degree))."""
    root = round(x ** (1.0 / degree))
    while root**degree > x:
        root -= 1
    while (root + 1) ** degree <= x:
        root += 1
    return root


class NetworkPredictor:
    """Blocks and steps; members have schedules (scale, p, q); each group is a score set."""

    more_sets = 0

    def __init__(self, features, k, members, schedules, groups):
        self.features, self.k = features, k
        self.members, self.schedules, self.groups = members, schedules, groups
        self.n, self.labels, self.before = len(features), [], 0
        self.sets = len(groups) + self.more_sets

    def block_end(self, start):
        """Where the block that begins at start ends."""
        return min(self.n, 8 if start == 0 else start + max(1, -(-start // 10)))

    def predict(self, start, stop):
        """Scores, float64 (stop - start, sets, K)."""
        x = self.features[start:stop]
        p = [softmaxes(m.scores(x)) for m in self.members]
        out = np.zeros((stop - start, len(self.groups), self.k))
        for s, group in enumerate(self.groups):
            out[:, s] = mean_logarithms([p[e] for e in group])
        return out

    def learn(self, start, stop, labels):
        """Takes labels start..stop-1."""
        self.labels += list(labels)
        known = len(self.labels)
        if known == self.n:
            return
        for member, (scale, p, q) in zip(self.members, self.schedules, strict=True):
            since = (integer_root(scale**q * m**p, q) for m in (known, self.before))
            for _ in range(member.recipe["base"] + next(since) - next(since)):
                member.step(self.features, self.labels, known, self.k)
        self.before = known
