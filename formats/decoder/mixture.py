"""The mixture of the prequential code and its loop (formats/prequential.md)."""

import numpy as np

from decoder.blocks import softmaxes
from decoder.range_coder import Decoder, Encoder, frequencies

INVERSE_TEMPERATURES = (0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.15, 1.35, 1.6, 2.0)


class Mixture:
    """Experts and their weights."""

    def __init__(self, k, sets):
        self.k, self.t = k, 0
        self.given = []  # what each label had
        count = sets * len(INVERSE_TEMPERATURES)
        self.prior = np.array([0.5 / count] * count + [0.25, 0.25])
        self.weights = self.prior.copy()
        self.counts = np.full(k, 0.5)

    def probabilities(self, scores):
        """The mixture of score sets (sets, K): float64 (K,)."""
        experts = [softmaxes(b * (row - row.max())) for row in scores for b in INVERSE_TEMPERATURES]
        total = 0.0
        for c in self.counts:
            total = total + c
        experts.append(self.counts / total)
        experts.append(np.full(self.k, 1.0 / self.k))
        self.experts = np.array(experts)
        self.mixed = np.zeros(self.k)
        for w, p in zip(self.weights, self.experts, strict=False):
            self.mixed = self.mixed + w * p
        return self.mixed

    def update(self, y):
        """Learns a label."""
        self.given.append(float(self.mixed[y]))
        share = 1.0 / (self.t + 2)
        keep = (1.0 - share) / self.mixed[y]
        self.weights = self.weights * self.experts[:, y] * keep + share * self.prior
        self.counts[y] += 1.0
        self.t += 1

    def keep(self, experts):
        """Goes on with these experts alone (switching.md, "When a predictor has predicted its last example")."""
        self.prior, self.weights = _divided(self.prior[experts]), _divided(self.weights[experts])


def _divided(weights):
    total = 0.0
    for w in weights:
        total = total + w
    return weights / total


def run(predictor, n, k, payload=None, labels=None, mixture=None):
    """Decodes a payload, or codes labels; (labels, payload written again, all scores)."""
    mixture, decoder, encoder = mixture or Mixture(k, predictor.sets), Decoder(payload or b""), Encoder()
    out, every, start = [], [], 0
    while start < n:
        stop = min(n, start + max(1, (1 << 22) // k), predictor.block_end(start))
        scores = predictor.predict(start, stop)
        every.append(scores)
        for i in range(start, stop):
            f = frequencies(mixture.probabilities(scores[i - start]).tolist())
            y = decoder.symbol(f) if labels is None else int(labels[i])
            encoder.symbol(sum(f[:y]), f[y])
            mixture.update(y)
            out.append(y)
        predictor.learn(start, stop, out[start:stop])
        start = stop
    return np.array(out), encoder.bytes(), np.concatenate(every)
