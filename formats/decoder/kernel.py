# ruff: noqa: N803, N806 (capitals as on the page)
"""The kernel predictor (formats/kernel.md)."""

import math

import numpy as np

from decoder.elementary import exps, log
from decoder.random_numbers import Stream

FIVE = [(0.5, 0.1), (0.5, 0.3), (2, 0.05), (2, 0.2), (8, 0.02)]

SEVEN = [(0.25, 0.3), *FIVE, (8, 0.1), (32, 0.01)]

PRESETS = {
    1: (32, [(2, 0.06)]),
    2: (32, [(0.5, 0.2), (2, 0.06)]),
    3: (64, [(0.5, 0.2), (2, 0.06)]),
    4: (128, [(0.5, 0.2), (2, 0.06)]),
    5: (128, FIVE),
    6: (128, FIVE),
    7: (256, FIVE),
    8: (256, SEVEN),
    9: (512, SEVEN),
    10: (32, [(0.5, 0.2), (2, 0.06)]),
}

ROOTS = (1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429)

T = np.array([2.0 ** (t // 4) * ROOTS[t % 4] for t in range(29)])


def in_order(terms, shape=()):
    """Sum of terms, one after another, from 0."""
    total = np.zeros(shape)
    for term in terms:
        total = total + term
    return total


def picture(images, filters):
    """All images at once, (n, h, w, c): the features of section 2."""
    n, h, w, c = images.shape
    s = -(-max(h, w) // 32)
    h, w = h // s, w // s
    x = images.astype(np.float64)
    mean = in_order(
        (x[:, dy : h * s : s, dx : w * s : s] for dy in range(s) for dx in range(s)), (n, h, w, c)
    ) / float(s * s)
    v = np.where(mean > 0, np.sqrt(np.maximum(mean, 0.0)), 0.0)
    padded = np.pad(v, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patch = [padded[:, dy : dy + h, dx : dx + w, ch] for dy in range(3) for dx in range(3) for ch in range(c)]
    mean = in_order(patch, (n, h, w)) / float(9 * c)
    p = [value - mean for value in patch]
    q = in_order((v * v for v in p), (n, h, w))
    F = filters.shape[1]
    r = (
        in_order((p[t][..., None] * filters[t] for t in range(9 * c)), (n, h, w, F))
        - (0.4 * np.sqrt(q))[..., None]
    )
    r = np.where(r > 0, r, 0.0)
    side = max(h, w)
    step = min(4, (side + 11) // 8)
    b = max(1, step * step // 2)
    a = [math.comb(2 * b, t) / 4.0**b for t in range(2 * b + 1)]

    def pooled(r, axis):
        m = r.shape[axis]
        places = range(step // 2 if m % step == 0 else 0, m, step)
        r = np.moveaxis(r, axis, 0)
        out = [
            in_order((a[t] * r[X + t - b] for t in range(2 * b + 1) if 0 <= X + t - b < m), r.shape[1:])
            for X in places
        ]
        return np.moveaxis(np.stack(out), 0, axis)

    return np.sqrt(pooled(pooled(r, 2), 1)).reshape(n, -1)


def vectors(features, F, seed):
    """The vectors x_i of section 2, float64 (n, d)."""
    shape = features.shape[1:]
    if len(shape) == 3 and shape[2] <= 16:
        s = -(-max(shape[:2]) // 32)
        if shape[0] // s >= 4 and shape[1] // s >= 4:
            rows = 9 * shape[2]
            w = Stream(seed, 16).normals(rows * F).reshape(rows, F).astype(np.float64)
            w = w - in_order(w, F) / float(rows)
            w = w / np.sqrt(in_order((row * row for row in w), F))
            return picture(features, w)
    return features.reshape(len(features), -1).astype(np.float64)


class Kernel:
    """The predictor of sections 3 to 6."""

    def __init__(self, features, k, preset, seed, kernels=None):
        F, self.kernels = PRESETS[preset]
        self.kernels = kernels or self.kernels
        x = vectors(features, F, seed)
        self.n, self.k, self.sets, self.known = len(x), k, len(self.kernels), 0
        n = self.n
        s = np.zeros((n, n))
        for column in x.T:
            s = s - column[:, None] * column[None, :]
        q = -np.diag(s)
        self.d = d = np.maximum(0.0, (q[:, None] + q[None, :]) + 2.0 * s)
        m = min(n, 512)
        chosen = [t * n // m for t in range(m)]
        positive = sorted(d[i, j] for a, i in enumerate(chosen) for j in chosen[:a] if d[i, j] > 0)
        unit = positive[len(positive) // 2] if positive else 1.0
        self.u = []
        for width, ridge in self.kernels:
            K = exps(-(d / max(float(width) * unit, 1e-300)))
            K[np.diag_indices(n)] = 1.0 + max(ridge, 0.001)
            u = np.triu(K)
            for i in range(n):
                for j in range(i):
                    u[i, i:] = u[i, i:] - u[j, i] * u[j, i:]
                if not u[i, i] > 0:
                    raise ArithmeticError("pivot")
                pivot = np.sqrt(u[i, i])
                u[i, i + 1 :] = u[i, i + 1 :] / pivot
                u[i, i] = pivot
            self.u.append(u)
        self.z = np.zeros((self.sets, n, k))
        self.loss = [np.array([((t / 4 - 3.5) ** 2) / 2 for t in range(29)]) for _ in self.kernels]

    def block_end(self, start):
        """Where the block that begins at start ends."""
        return start + 1

    def predict(self, start, stop):
        """Scores, float64 (1, sets, K)."""
        i, out = start, np.zeros((1, self.sets, self.k))
        self.f = []
        for s in range(self.sets):
            f = in_order((self.u[s][j, i] * self.z[s, j] for j in range(i)), self.k)
            self.f.append(f)
            out[0, s] = f * T[np.argmin(self.loss[s])]
        return out

    def learn(self, start, stop, labels):
        """Takes label start."""
        i, y = start, labels[0]
        for s, f in enumerate(self.f):
            target = (np.arange(self.k) == y) * 1.0 - 1.0 / self.k
            self.z[s, i] = (target - f) / self.u[s][i, i]
            g = f - f.max()
            total = np.zeros(29)
            e = exps(T[:, None] * g[None, :])
            for c in range(self.k):
                total = total + e[:, c]
            self.loss[s] = self.loss[s] + (np.array([log(v) for v in total]) - T * g[y])
