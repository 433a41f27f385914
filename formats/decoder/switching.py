# ruff: noqa: N806 (capitals as on the page)
"""The switching code (formats/switching.md)."""

import numpy as np

from decoder import grey_images
from decoder.blocks import mean_logarithms, softmaxes
from decoder.cnn import CNN, LARGE, cnn
from decoder.colour_images import PRESETS, colour_images
from decoder.elementary import log, logs
from decoder.frame import Unsupported
from decoder.kernel import Kernel
from decoder.mixture import INVERSE_TEMPERATURES, Mixture
from decoder.mlp import mlp
from decoder.range_coder import Decoder, Encoder, frequencies

FEW = {1: 500, 2: 1000, 3: 1000, 4: 2000, 5: 2000, 6: 2000, 7: 4000, 8: 4000, 9: 8000}


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


def mean_probabilities(scores):
    """The m_p of "Pools", float64 (K,), of a predictor's pooled score sets, (sets, K)."""
    total = np.zeros(scores.shape[1])
    for row in scores:
        total = total + softmaxes(row)
    return total / float(len(scores))


def pools(means):
    """Score sets of the pools of predictors' probabilities, float64 (K,) each ("Pools")."""
    L = [logs(np.maximum(m, 1e-300)) for m in means]
    s = np.zeros(len(means[0]))
    for logarithm in L:
        s = s + logarithm
    P = float(len(means))
    return [mean_logarithms(means), s / P, *((s + logarithm) / (P + 1.0) for logarithm in L)]


class Entry:
    """A predictor, its last example, which of its score sets are pooled."""

    def __init__(self, predictor, end, pooled):
        self.predictor, self.end, self.pooled = predictor, end, pooled
        self.start = self.stop = 0


def networks(features, k, preset, seed, net):
    """Each network of images on its own, with its stopping time."""
    large = min(features.shape[1:3]) >= 20 and preset >= 4
    if net == 14:
        kinds = grey_images.kinds(features, preset)
    elif net == 13:
        if preset not in PRESETS:
            raise Unsupported("networks of large images in colour with this preset")
        kinds = [(colour_images, PRESETS[preset][3])]
    else:
        kinds = [(cnn, LARGE[preset][2] if large else CNN[preset][2])]
    for kind, count in kinds:
        for e in range(count):
            f = 6 - e % 4
            yield kind(features, k, preset, seed, e, lambda steps, f=f: max(1, steps * f // 6))


class Portfolio:
    """All predictors and their pools."""

    def __init__(self, features, k, preset, seed, few=None, net=0):
        if net and features.ndim != 4:
            raise Unsupported("networks of images for columns")
        self.n, self.k = n, k = len(features), k
        few = few or few_of(n, preset)
        self.entries = []
        if features.ndim == 4:
            for p in networks(features, k, preset, seed, net):
                self.entries.append(Entry(p, n, [p.sets - 1]))
        else:
            p = mlp(features, k, preset, seed)
            self.entries.append(Entry(p, n, [p.sets - 1]))
        p = Kernel(features[:few], k, preset, seed)
        self.entries += [Entry(p, few, list(range(p.sets))), Entry(Neighbours(p.d, k), few, None)]

    def layout(self):
        """What each score set is, to know which stay: (predictor, set), pools."""
        out = [(id(e), s) for e in self.entries for s in range(e.predictor.sets)]
        pooled = [e for e in self.entries if e.pooled is not None]
        if len(pooled) > 1:
            out += ["linear", "logarithmic"] + [("double", id(e)) for e in pooled]
        return out

    def scores(self, i):
        """Score sets of example i."""
        rows, means = [], []
        for e in self.entries:
            if i == e.stop:
                e.start, e.stop = i, min(e.end, e.predictor.block_end(i))
                e.ready = e.predictor.predict(e.start, e.stop)
            mine = e.ready[i - e.start]
            rows += list(mine)
            if e.pooled is not None:
                means.append(mean_probabilities(mine[e.pooled]))
        if len(means) > 1:
            rows += pools(means)
        return np.array(rows)

    def learn(self, i, labels):
        """Lets predictors learn whose block ends at example i."""
        for e in self.entries:
            if i + 1 == e.stop:
                e.predictor.learn(e.start, e.stop, labels[e.start : e.stop])

    def retire(self, i):
        """Lets predictors go that have predicted their last example."""
        self.entries = [e for e in self.entries if e.end > i]


def run(portfolio, n, k, payload=None, labels=None, mixture=None):
    """Decodes a payload, or codes labels; (labels, payload written again, scores, frequencies)."""
    layout = portfolio.layout()
    mixture, decoder, encoder = mixture or Mixture(k, len(layout)), Decoder(payload or b""), Encoder()
    out, scores, rows = [], [], []
    for i in range(n):
        portfolio.retire(i)
        now = portfolio.layout()
        if now != layout:
            B = len(INVERSE_TEMPERATURES)
            stay = [B * layout.index(x) + b for x in now for b in range(B)]
            stay += [B * len(layout), B * len(layout) + 1]
            mixture.keep(stay)
            layout = now
        s = portfolio.scores(i)
        f = frequencies(mixture.probabilities(s).tolist())
        y = decoder.symbol(f) if labels is None else int(labels[i])
        encoder.symbol(sum(f[:y]), f[y])
        mixture.update(y)
        out.append(y)
        portfolio.learn(i, out)
        scores.append(s)
        rows.append(f)
    return np.array(out), encoder.bytes(), scores, rows
