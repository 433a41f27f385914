# ruff: noqa: N806 (capitals as on the page)
"""Layers of networks that both sides train (formats/arithmetic.md, sections 2, 3 and 6)."""

import math

import numpy as np

from decoder.blocks import block, columnsum, scaled
from decoder.elementary import tanh

f32 = np.float32


def block64(x):
    """Block of a weight gradient's gradient operand: float64, exponents up to 400, two digits."""
    m = float(np.abs(x).max(initial=0.0))
    e = 0 if m == 0 else min(max(13 - math.frexp(m)[1], -400), 400)
    if np.rint(m * 2.0**e) > 8127:
        e -= 1
    return np.rint(x * 2.0**e), e


def example_blocks(x, digits):
    """One block for each example: integers as float64, exponents."""
    pairs = [block(row, digits) for row in x]
    return np.array([q for q, _ in pairs], np.float64), np.array([e for _, e in pairs])


def powers(e, axes):
    """2^-e, with so many axes of one behind."""
    return (2.0 ** -e.astype(np.float64)).reshape(-1, *[1] * axes)


def fan_normals(stream, shape, gain):
    """Initial weights: normals * f32(gain * sqrt(1 / fan-in))."""
    fan_in = math.prod(shape[1:])
    scale = f32(gain * math.sqrt(1.0 / fan_in))
    return stream.normals(math.prod(shape)).reshape(shape) * scale


class FullyConnected:
    """A fully connected layer (section 2)."""

    def __init__(self, into, out, gain, first=False):
        self.into, self.out, self.gain, self.first = into, out, gain, first
        self.digits = 2 if first else 1

    def initial(self, stream):
        """Initial weights and running statistics."""
        return [fan_normals(stream, (self.out, self.into), self.gain), np.zeros(self.out, f32)], []

    def forward(self, x, state, training):
        """The value of a batch."""
        w, b = state[0]
        A, a = example_blocks(x, self.digits)
        W, v = block(w)
        self.saved = A, a, W, v
        return ((A @ W.T.astype(np.float64)) * powers(a + v, 1) + 0.0).astype(f32) + b

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        A, a, W, v = self.saved
        weighted, h = block64(g.astype(np.float64) * powers(a, 1))
        dw, db = scaled(weighted.T @ A, h), columnsum(g).astype(f32)
        dx = None
        if not self.first:
            G, e = block(g)
            dx = scaled(G.astype(np.float64) @ W.astype(np.float64), e + v)
        return dx, [dw, db]


def patches(x, k, p):
    """(n, h, w, k * k * c), rows and columns of the kernel, then channels."""
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    h, w = x.shape[1] - k + 1, x.shape[2] - k + 1
    return np.concatenate([x[:, dy : dy + h, dx : dx + w] for dy in range(k) for dx in range(k)], -1)


class Convolution:
    """A convolution (section 2)."""

    def __init__(self, into, out, gain, first=False, k=3, p=1, s=1):
        self.into, self.out, self.gain, self.first, self.k, self.p, self.s = into, out, gain, first, k, p, s
        self.digits = 2 if first else 1

    def initial(self, stream):
        """Initial weights and running statistics."""
        return [
            fan_normals(stream, (self.out, self.k, self.k, self.into), self.gain),
            np.zeros(self.out, f32),
        ], []

    def forward(self, x, state, training):
        """The value of a batch."""
        w, b = state[0]
        A, a = example_blocks(x, self.digits)
        W, v = block(w)
        self.saved = A, a, W.astype(np.float64), v
        seen = patches(A, self.k, self.p)
        self.places = seen.shape[1:3]
        s = seen[:, :: self.s, :: self.s] @ W.reshape(self.out, -1).T.astype(np.float64)
        return (s * powers(a + v, 3) + 0.0).astype(f32) + b

    def spread(self, g):
        """A gradient at the places that stride 1 has, 0 where the stride leaves one out."""
        out = np.zeros((len(g), *self.places, self.out))
        out[:, :: self.s, :: self.s] = g
        return out

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        A, a, W, v = self.saved
        weighted, h = block64(self.spread(g) * powers(a, 3))
        s = weighted.reshape(-1, self.out).T @ patches(A, self.k, self.p).reshape(
            -1, self.k * self.k * self.into
        )
        dw, db = scaled(s, h).reshape(W.shape), columnsum(g.reshape(-1, self.out)).astype(f32)
        dx = None
        if not self.first:
            G, e = block(g)
            flipped = W[:, ::-1, ::-1].transpose(3, 1, 2, 0).reshape(self.into, -1)
            s = patches(self.spread(G), self.k, self.k - 1) @ flipped.T
            dx = scaled(s[:, self.p : self.p + A.shape[1], self.p : self.p + A.shape[2]], e + v)
        return dx, [dw, db]


class BatchNormalisation:
    """Batch normalisation (section 6)."""

    def __init__(self, channels, rate=0.1):
        self.channels, self.rate, self.seen = channels, rate, 0

    def initial(self, stream):
        """Initial weights and running statistics."""
        return [np.ones(self.channels, f32), np.zeros(self.channels, f32)], [np.zeros(self.channels, f32)] * 2

    def forward(self, x, state, training):
        """The value of a batch."""
        (gain, bias), running = state
        rows = x.reshape(-1, self.channels)
        if training:
            M = float(len(rows))
            mean = columnsum(rows) / M
            d = rows.astype(np.float64) - mean
            variance = columnsum(d * d) / M
            self.seen += 1
            rate = max(self.rate, 1.0 / self.seen)
            self.running = [
                (old + (new - old) * rate).astype(f32)
                for old, new in zip((r.astype(np.float64) for r in running), (mean, variance), strict=False)
            ]
            self.saved = rows, mean, variance, gain.astype(np.float64), M
        else:
            mean, variance = (r.astype(np.float64) for r in running)
        factor = gain.astype(np.float64) / np.sqrt(variance + 1e-5)
        return (
            ((rows.astype(np.float64) - mean) * factor + bias.astype(np.float64)).astype(f32).reshape(x.shape)
        )

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        rows, mean, variance, gain, M = self.saved
        shape, g = g.shape, g.reshape(-1, self.channels)
        v = 1.0 / np.sqrt(variance + 1e-5)
        n = (rows.astype(np.float64) - mean) * v
        G = g.astype(np.float64)
        sum_g, sum_gn = columnsum(g), columnsum(G * n)
        dx = ((gain * v) * ((G - sum_g / M) - n * (sum_gn / M))).astype(f32)
        return dx.reshape(shape), [sum_gn.astype(f32), sum_g.astype(f32)]


class Plain:
    """A layer without weights."""

    def initial(self, stream):
        """Initial weights and running statistics."""
        return [], []


class ReLU(Plain):
    """ReLU (section 6)."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.y = np.where(x > 0, x, f32(0))
        return self.y

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return np.where(self.y > 0, g, f32(0)), []


class Tanh(Plain):
    """Tanh (section 6)."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.y = np.array([tanh(float(z)) for z in x.ravel()]).astype(f32).reshape(x.shape)
        return self.y

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        y = self.y.astype(np.float64)
        return (g.astype(np.float64) * (1.0 - y * y)).astype(f32), []


class GELU(Plain):
    """GELU (section 6)."""

    C = (
        0.39818429946899414,
        -0.06492392718791962,
        0.008910952135920525,
        -0.0008393084863200784,
        5.0292739615542814e-05,
        -1.7048340623659897e-06,
        2.466829229774703e-08,
    )

    @staticmethod
    def polynomial(u, coefficients):
        """Horner's rule in float32."""
        p = f32(coefficients[-1])
        for c in coefficients[-2::-1]:
            p = p * u + f32(c)
        return p

    def forward(self, x, state, training):
        """The value of a batch."""
        self.x, self.t = x, np.clip(x, f32(-4), f32(4))
        self.h = f32(0.5) + self.t * self.polynomial(self.t * self.t, self.C)
        return x * self.h

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        slopes = [f32(f32(2 * k + 1) * f32(c)) for k, c in enumerate(self.C)]
        q = np.where(np.abs(self.x) < f32(4), self.polynomial(self.t * self.t, slopes), f32(0))
        return g * (self.h + self.x * q), []


class Dropout(Plain):
    """Dropout (section 6)."""

    def __init__(self, keep):
        self.keep = keep

    def forward(self, x, state, training):
        """The value of a batch."""
        if not training:
            return x
        words = self.stream.words(-(-x.size // 4))
        sixteen = np.array([w >> 16 * i & 65535 for w in words for i in range(4)])[: x.size].reshape(x.shape)
        self.kept = sixteen < self.keep
        return self.masked(x)

    def masked(self, x):
        """Values that keep times the factor, +0 in place of the others."""
        return np.where(self.kept, x * f32(65536 / self.keep), f32(0))

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return self.masked(g), []


class Fold(Plain):
    """2x2 places to channels (formats/prequential.md, "cnn")."""

    def forward(self, x, state, training):
        """The value of a batch."""
        return np.concatenate([x[:, dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)], -1)

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return None, []


class Flatten(Plain):
    """Maps to columns: rows, columns, channels."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return g.reshape(self.shape), []
