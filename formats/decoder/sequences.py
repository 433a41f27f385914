# ruff: noqa: N806 (capitals as on the page)
"""Nodes over sequences (formats/sequences.md): x is (examples, places, features)."""

import math

import numpy as np

from decoder.blocks import block, columnsum
from decoder.elementary import exps, tanh
from decoder.layers import FullyConnected, block64, fan_normals

f32, f64 = np.float32, np.float64


def lanesum(x):
    """Sums over the last axis, float64."""
    lanes = np.zeros((*x.shape[:-1], 8))
    for c in range(x.shape[-1]):
        lanes[..., c % 8] = lanes[..., c % 8] + x[..., c]
    total = lanes[..., 0]
    for lane in range(1, 8):
        total = total + lanes[..., lane]
    return total


def on_grid(terms, m, rows, more=0):
    """Terms as integers on the grid of `columnsum` for so many rows, and the exponent."""
    b, c = 50, rows
    while c > 1:
        c, b = (c + 1) // 2, b - 1
    s = 0 if m == 0 else min(max(b - (math.frexp(m)[1] + more), -500), 500)
    return np.rint(terms * 2.0**s), s


class Embedding:
    """Rows of a table for symbols."""

    def __init__(self, width, symbols=256, spread=1.0):
        self.width, self.symbols, self.spread = width, symbols, spread

    def initial(self, stream):
        """Initial weights."""
        normals = stream.normals(self.symbols * self.width).reshape(self.symbols, self.width)
        return [normals * f32(self.spread)]

    def forward(self, x, weights):
        """Symbols (n, t) -> (n, t, width)."""
        self.x = x
        return weights[0][x]

    def backward(self, g):
        """None, and that of the table."""
        flat = g.reshape(-1, self.width).astype(f64)
        terms, s = on_grid(flat, float(np.abs(flat).max(initial=0)), len(flat))
        sums = np.zeros((self.symbols, self.width))
        np.add.at(sums, self.x.ravel(), terms)
        return None, [(sums * 2.0**-s).astype(f32)]


class Positions:
    """Rows of a table for places."""

    def __init__(self, places, width, spread=0.25):
        self.places, self.width, self.spread = places, width, spread

    def initial(self, stream):
        """Initial weights."""
        normals = stream.normals(self.places * self.width).reshape(self.places, self.width)
        return [normals * f32(self.spread)]

    def forward(self, x, weights):
        """The sum."""
        return x + weights[0][: x.shape[1]]

    def backward(self, g):
        """The gradient itself, and that of the table."""
        table = np.zeros((self.places, self.width), f32)
        table[: g.shape[1]] = columnsum(g.reshape(len(g), -1)).astype(f32).reshape(g.shape[1:])
        return g, [table]


class LayerNormalisation:
    """Each place by its own mean and variance."""

    def __init__(self, width):
        self.width = width

    def initial(self, stream):
        """Initial weights."""
        return [np.ones(self.width, f32), np.zeros(self.width, f32)]

    def forward(self, x, weights):
        """The normalised rows."""
        gain, bias = (w.astype(f64) for w in weights)
        x, d = x.astype(f64), float(x.shape[-1])
        mean = (lanesum(x) / d)[..., None]
        e = x - mean
        v = 1.0 / np.sqrt(lanesum(e * e)[..., None] / d + 1e-5)
        self.saved = e * v, v, gain
        return (self.saved[0] * gain + bias).astype(f32)

    def backward(self, g):
        """The gradient of x; of weight and bias."""
        n, v, gain = self.saved
        G, d = g.astype(f64), float(g.shape[-1])
        h = G * gain
        a, b = lanesum(h)[..., None] / d, lanesum(h * n)[..., None] / d
        dx = (v * ((h - a) - n * b)).astype(f32)
        flat, r = G.reshape(-1, self.width), 0
        while 4**r < self.width:
            r += 1
        terms, s = on_grid(
            flat * n.reshape(flat.shape), float(np.abs(flat).max(initial=0)), len(flat), more=r
        )
        return dx, [(terms.sum(0) * 2.0**-s).astype(f32), columnsum(flat).astype(f32)]


class Places:
    """A fully connected layer of every place."""

    def __init__(self, into, out, gain):
        self.layer = FullyConnected(into, out, gain)
        self.layer.digits = 2

    def initial(self, stream):
        """Initial weights."""
        return self.layer.initial(stream)[0]

    def forward(self, x, weights):
        """Rows of all examples and places."""
        y = self.layer.forward(x.reshape(-1, x.shape[-1]), (weights, []), True)
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, g):
        """The gradient of x; of weight and bias."""
        dx, gradients = self.layer.backward(g.reshape(-1, g.shape[-1]))
        return dx.reshape(*g.shape[:-1], -1), gradients


def rows(x):
    """Block integers of each row of x (t, w), and 2^-exponent, 0 for a row of 0."""
    blocks = [block(row) for row in x]
    powers = [2.0**-e if row.any() else 0.0 for (_, e), row in zip(blocks, x, strict=True)]
    return np.array([q for q, _ in blocks], f64), np.array(powers)


def scaled(sums, powers):
    """f32(S * 2^-e + 0.0), a power of two for each row."""
    return (sums * powers[:, None] + 0.0).astype(f32)


class Head:
    """One head of one example; ``window``: places that are looked at."""

    def __init__(self, query, key, value, window):
        self.c, self.window = 1.0 / math.sqrt(float(query.shape[1])), window
        (self.Q, self.q), (self.K, self.k), (self.V, self.v) = rows(query), rows(key), rows(value)

    def seen(self, i):
        """By place i."""
        return slice(max(0, i + 1 - self.window), i + 1)

    def forward(self):
        """(t, w)"""
        t = len(self.q)
        s = scaled(self.Q @ self.K.T, self.q).astype(f64) * (self.k * self.c)
        self.p, y = np.zeros((t, t), f32), np.zeros(self.V.shape, f32)
        for i in range(t):
            j = self.seen(i)
            x = exps(s[i, j] - s[i, j].max())
            self.p[i, j] = x * (1.0 / lanesum(x))
            A, e = block64(self.p[i, j].astype(f64) * self.v[j])
            y[i] = (A @ self.V[j]) * 2.0**-e + 0.0
        return y

    def backward(self, g):
        """Gradients of query, key, value."""
        t, p = len(self.q), self.p.astype(f64)
        G, u = rows(g)
        products = scaled(G @ self.V.T, u).astype(f64) * self.v
        r, dquery = np.zeros((t, t)), np.zeros(self.Q.shape, f32)
        for i in range(t):
            j = self.seen(i)
            own, of = p[i, j], products[i, j]
            r[i, j] = (own * (of - lanesum(own * of))) * self.c
            B, b = block64(r[i, j] * self.k[j])
            dquery[i] = (B @ self.K[j]) * 2.0**-b + 0.0
        C, h = block64(r * self.q[:, None])
        D, d = block64(p * u[:, None])
        dkey = ((C.T @ self.Q) * 2.0**-h + 0.0).astype(f32)
        return dquery, dkey, ((D.T @ G) * 2.0**-d + 0.0).astype(f32)


class Attention:
    """Causal self-attention."""

    def __init__(self, heads, window=0):
        self.heads, self.window = heads, window

    def initial(self, stream):
        """None."""
        return []

    def forward(self, x, weights):
        """(n, t, 3 d) -> (n, t, d)"""
        parts, window = np.split(x, 3 * self.heads, -1), self.window or x.shape[1]
        self.kept = [
            [Head(*(parts[part * self.heads + h][n] for part in range(3)), window) for h in range(self.heads)]
            for n in range(len(x))
        ]
        return np.stack([np.concatenate([head.forward() for head in heads], -1) for heads in self.kept])

    def backward(self, g):
        """The gradient of x."""
        out = []
        for heads, of in zip(self.kept, g, strict=True):
            slopes = [
                head.backward(part) for head, part in zip(heads, np.split(of, self.heads, -1), strict=True)
            ]
            out.append(np.concatenate([slope[i] for i in range(3) for slope in slopes], -1))
        return np.stack(out), []


TURN = 4096


def _turned_by(a, b, pairs=200):
    """a b of complex integers with so many bits behind the point."""
    return (a[0] * b[0] - a[1] * b[1]) >> pairs, (a[0] * b[1] + a[1] * b[0]) >> pairs


def _angles():
    """Cosines and sines of all steps of a turn, nearest float64."""
    one = 1 << 200
    pi, k, power = 0, 0, one
    while power:  # of sixteenths (Bailey, Borwein & Plouffe)
        pi += (
            power * 4 // (8 * k + 1) - power * 2 // (8 * k + 4) - power // (8 * k + 5) - power // (8 * k + 6)
        )
        power, k = power // 16, k + 1
    angle, term, step = 2 * pi // TURN, (one, 0), [0, 0]
    for k in range(1, 40):
        step = [step[0] + term[0], step[1] + term[1]]
        term = (-term[1] * angle // (one * k), term[0] * angle // (one * k))
    cos, sin, at = np.zeros(TURN), np.zeros(TURN), (one, 0)
    for a in range(TURN // 8 + 1):
        c, s = at[0] / one, at[1] / one
        for of, (x, y) in {a: (c, s), TURN // 4 - a: (s, c)}.items():
            for k, (u, v) in enumerate(((x, y), (-y, x), (-x, -y), (y, -x))):
                cos[(of + k * TURN // 4) % TURN], sin[(of + k * TURN // 4) % TURN] = u, v
        at = _turned_by(at, step)
    return cos + 0.0, sin + 0.0


COS, SIN = _angles()


class Rotation:
    """Rotary positions."""

    def __init__(self, heads):
        self.heads = heads

    def initial(self, stream):
        """None."""
        return []

    def turned(self, x, sign):
        """Queries and keys by their places."""
        y, w = x.copy(), x.shape[2] // (3 * self.heads)
        h, t = w // 2, np.arange(x.shape[1])
        for c in range(h):
            s = 1
            while (s + 1) ** h * 2 ** (9 * c) <= 652**h:
                s += 1
            C, S = COS[s * t % TURN], sign * SIN[s * t % TURN]
            for at in range(c, 2 * self.heads * w, w):
                a, b = x[:, :, at].astype(f64), x[:, :, at + h].astype(f64)
                y[:, :, at], y[:, :, at + h] = (a * C - b * S).astype(f32), (a * S + b * C).astype(f32)
        return y

    def forward(self, x, weights):
        """(n, t, 3 d)"""
        return self.turned(x, 1.0)

    def backward(self, g):
        """The gradient of x."""
        return self.turned(g, -1.0), []


def sigmoid(z):
    """1 / (1 + exp(-z))"""
    return 1.0 / (1.0 + exps(-z))


def tanhs(z):
    """tanh of section 4, of an array."""
    return np.array([tanh(float(v)) for v in z.ravel()]).reshape(z.shape)


class Lstm:
    """A layer of LSTM cells."""

    def __init__(self, into, width):
        self.into, self.width = into, width

    def initial(self, stream):
        """Initial weights."""
        d, bias = self.width, np.zeros(4 * self.width, f32)
        bias[d : 2 * d] = 1
        return [fan_normals(stream, (4 * d, self.into), 1.0), fan_normals(stream, (4 * d, d), 1.0), bias]

    def forward(self, x, weights):
        """(n, t, into) -> (n, t, width)"""
        w_ih, w_hh, bias = weights
        n, t, d = len(x), x.shape[1], self.width
        self.first = Places(self.into, 4 * d, 1.0)
        first = self.first.forward(x, [w_ih, bias])
        self.w_hh, nothing = w_hh, np.zeros(4 * d, f32)
        self.h, self.cells, self.gates = [np.zeros((n, d), f32)], [np.zeros((n, d), f32)], []
        for place in range(t):
            second = Places(d, 4 * d, 1.0).forward(self.h[-1], [w_hh, nothing])
            z = (first[:, place] + second).astype(f64)
            gates = sigmoid(z).astype(f32)
            gates[:, 2 * d : 3 * d] = tanhs(z[:, 2 * d : 3 * d])
            i, f, v, o = np.split(gates.astype(f64), 4, 1)
            self.cells.append((f * self.cells[-1].astype(f64) + i * v).astype(f32))
            self.h.append((o * tanhs(self.cells[-1].astype(f64))).astype(f32))
            self.gates.append((i, f, v, o))
        return np.stack(self.h[1:], 1)

    def backward(self, g):
        """The gradient of x; of the weights and the bias."""
        n, t, d = g.shape
        later, carried, slopes = np.zeros((n, d), f32), np.zeros((n, d)), [None] * t
        back = np.ascontiguousarray(self.w_hh.T), np.zeros(d, f32)
        for place in range(t - 1, -1, -1):
            (i, f, v, o), before = self.gates[place], self.cells[place].astype(f64)
            dh, s = (g[:, place] + later).astype(f64), tanhs(self.cells[place + 1].astype(f64))
            dc = carried + (dh * o) * (1.0 - s * s)
            of_gates = (
                (dc * v) * (i * (1.0 - i)),
                (dc * before) * (f * (1.0 - f)),
                (dc * i) * (1.0 - v * v),
                (dh * s) * (o * (1.0 - o)),
            )
            slopes[place] = np.concatenate(of_gates, 1).astype(f32)
            carried, later = dc * f, Places(4 * d, d, 1.0).forward(slopes[place], back)
        dx, (d_ih, d_bias) = self.first.backward(np.stack(slopes, 1))
        d_hh = np.zeros(self.w_hh.shape, f32)
        if t > 1:
            second = Places(d, 4 * d, 1.0)
            second.forward(np.stack(self.h[1:-1], 1), [self.w_hh, np.zeros(4 * d, f32)])
            d_hh = second.backward(np.stack(slopes[1:], 1))[1][0]
        return dx, [d_ih, d_hh, d_bias]
