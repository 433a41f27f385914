"""What predicts real numbers, and their loop (formats/reals.md, section 5; prequential.md; switching.md)."""

import math

import numpy as np

from decoder.kernel import Kernel, in_order
from decoder.mlp import mlp_members
from decoder.real_mixture import IndexCoder, RealMixture
from decoder.switching import few_of
from decoder.training import Member, NetworkPredictor

SEVEN = [(0.5, 0.05), (2, 0.003), (2, 0.03), (2, 0.3), (8, 0.003), (8, 0.03), (64, 0.01)]
ELEVEN = [*SEVEN, (1, 0.01), (4, 0.003), (4, 0.1), (32, 0.001)]
KERNELS = {1: [(2, 0.03), (8, 0.01)], 2: [(2, 0.03), (8, 0.01)], **dict.fromkeys((3, 4, 5, 6), SEVEN)}
KERNELS |= dict.fromkeys((7, 8, 9), ELEVEN)


class KernelRegression(Kernel):
    """A Gaussian process whose mean is a constant with a broad prior."""

    def __init__(self, features, preset, seed):
        super().__init__(features, 1, preset, seed, KERNELS[preset])
        self.targets = np.zeros((self.sets, self.n))
        self.ones = np.zeros((self.sets, self.n))

    def predict(self, start, stop):
        """Means and deviations, float64 (1, sets, 2)."""
        i, out, self.projections = start, np.zeros((1, self.sets, 2)), []
        for s in range(self.sets):
            u, zy, z1 = self.u[s], self.targets[s], self.ones[s]
            fy, f1 = (float(in_order(u[j, i] * z[j] for j in range(i))) for z in (zy, z1))
            self.projections.append((fy, f1))
            precision = 0.1
            for v in z1[:i]:
                precision = precision + float(v) * float(v)
            mean = float(in_order(v * w for v, w in zip(z1[:i], zy[:i], strict=True))) / precision
            left = 1.0 - f1
            out[0, s] = fy + mean * left, math.sqrt(u[i, i] * u[i, i] + (left * left) / precision)
        return out

    def learn(self, start, stop, labels):
        """Takes the target of example start."""
        for s, (fy, f1) in enumerate(self.projections):
            pivot = self.u[s][start, start]
            self.targets[s, start] = (labels[0] - fy) / pivot
            self.ones[s, start] = (1.0 - f1) / pivot


class RegressionMember(Member):
    """A network of one output under the squared error."""

    dtype = np.float64

    def loss_gradient(self, scores, chosen, targets, k):
        """f32((2 (f64(output) - target)) / batch)."""
        return ((2.0 * (scores.astype(np.float64) - targets[:, None])) / float(len(targets))).astype(
            np.float32
        )


class RegressionNetworks(NetworkPredictor):
    """Every network is a set, of deviation 1."""

    def predict(self, start, stop):
        """Means and deviations, float64 (stop - start, members, 2)."""
        means = [m.scores(self.features[start:stop]).astype(np.float64) for m in self.members]
        out = np.ones((stop - start, len(self.members), 2))
        out[:, :, 0] = np.concatenate(means, 1)
        return out


def _networks(features, preset, seed):
    return RegressionNetworks(*mlp_members(features, 1, preset, seed, RegressionMember))


class _Running:
    """A predictor, the examples that it is for, and its block."""

    def __init__(self, predictor, end):
        self.predictor, self.end, self.start, self.stop = predictor, end, 0, 0


def decode_reals(features, net, preset, seed, grid, payload=None, indices=None, few=None):
    """(indices, payload, mixture) of networks 0 `several`, 1 `mlp`, 3 `kernel`; coded if indices are given."""
    n = len(features)
    coder = IndexCoder(grid, payload, indices)
    running = []
    if net in (0, 1):
        running.append(_Running(_networks(features, preset, seed), n))
    if net in (0, 3):
        end = (few or few_of(n, preset)) if net == 0 else n
        running.append(_Running(KernelRegression(features[:end], preset, seed), end))
    mixture = RealMixture(sum(r.predictor.sets for r in running), coder)
    out, targets = [], []
    for i in range(n):
        if any(r.end <= i for r in running):
            owners = [r for r in running for _ in range(r.predictor.sets)]
            mixture.keep([s for s, r in enumerate(owners) if r.end > i])
            running = [r for r in running if r.end > i]
        scores = []
        for r in running:
            if i == r.stop:
                r.start, r.stop = i, min(r.end, r.predictor.block_end(i))
                r.ready = r.predictor.predict(r.start, r.stop)
            scores += r.ready[i - r.start].tolist()
        index, target = mixture.code(scores)
        out.append(index)
        targets.append(target)
        for r in running:
            if i + 1 == r.stop:
                r.predictor.learn(r.start, r.stop, targets[r.start : r.stop])
    return out, coder.encoder.bytes(), mixture
