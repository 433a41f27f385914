# ruff: noqa: N803, N806 (capitals as on the page)
"""Muon, and eigenvectors (formats/arithmetic.md, sections 7 and 8)."""

import math

import numpy as np

from decoder.blocks import columnsum
from decoder.layers import FullyConnected

f32 = np.float32


def times_transposed(P, Q):
    """P Q^T as a fully connected layer gives it, digits 2, 1, 2."""
    layer = FullyConnected(Q.shape[1], Q.shape[0], 0.0)
    return layer.forward(P, ([Q, np.zeros(len(Q), f32)], []), True)


def orthogonal(X):
    """Section 7, float32 (rows, columns)."""
    if X.shape[0] > X.shape[1]:
        return orthogonal(X.T).T
    for _ in range(3):
        A = times_transposed(X, X)
        B = A * f32(-4.775) + times_transposed(A, A) * f32(2.0315)
        X = X * f32(3.4445) + times_transposed(B, X.T)
    return X


def norm(v):
    """|v|, float64."""
    return math.sqrt(columnsum((v.astype(np.float64) * v.astype(np.float64)).reshape(-1, 1))[0])


def step(r, w, m, g, rate, momentum, matrix):
    """A step in place of one tensor and its momentum, float32; r, rate and momentum are float64."""
    u_m, t = f32(momentum), f32(r * rate)
    m[...] = m * u_m + g
    u = m * u_m + g
    if matrix:
        size = norm(w)
        if size > 0.0:
            w[...] = w * f32(math.sqrt(float(len(w))) / size)
        u = u * f32(1.0 / (norm(u) + 1e-7))
        u = orthogonal(u.reshape(len(w), -1)).reshape(w.shape)
    w[...] = w - u * t


def eigenvectors(a):
    """Eigenvalues and eigenvectors, as columns, of a symmetric matrix, float64 (d, d): section 8."""
    a, d = a.copy(), len(a)
    v = np.eye(d)
    for _ in range(12):
        for p in range(d - 1):
            for q in range(p + 1, d):
                if a[p, q] == 0.0:
                    continue
                h = float(a[q, q] - a[p, p]) / (2.0 * float(a[p, q]))
                t = 1.0 / (abs(h) + math.sqrt(h * h + 1.0))
                t = -t if h < 0 else t
                c = 1.0 / math.sqrt(t * t + 1.0)
                s = t * c
                a[:, p], a[:, q] = c * a[:, p] - s * a[:, q], s * a[:, p] + c * a[:, q]
                a[p], a[q] = c * a[p] - s * a[q], s * a[p] + c * a[q]
                v[:, p], v[:, q] = c * v[:, p] - s * v[:, q], s * v[:, p] + c * v[:, q]
    return np.diag(a).copy(), v
