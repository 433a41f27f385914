# ruff: noqa: N806 (capitals as on the page)
"""Predictors side by side, each for a number of examples, and their pools (formats/switching.md, "Pools")."""

import numpy as np

from decoder.blocks import mean_logarithms, softmaxes
from decoder.elementary import logs
from decoder.mixture import INVERSE_TEMPERATURES, Mixture
from decoder.range_coder import Decoder, Encoder, frequencies


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


class Portfolio:
    """All predictors and their pools."""

    def __init__(self, entries, n, k):
        self.entries, self.n, self.k = entries, n, k

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
