# ruff: noqa: N806 (capitals as on the page)
"""The random subspace code (formats/subspace.md)."""

import math

import numpy as np

from decoder.frame import Damaged, Reader
from decoder.graphs import network, tensor_shapes
from decoder.logistic_mixing import Coder, Slots
from decoder.random_numbers import Stream
from decoder.two_part import decode_labels


def coordinates(data, d):
    """The vector q ("Coordinates")."""
    coder, magnitudes, kind, out = Coder(data), Slots(), Slots(), []
    for _ in range(d):
        m = 0
        while m < 16 and coder.adaptive(magnitudes, m):
            m += 1
        if m == 16:
            m += coder.integer(kind)
        if m > 32767:
            raise Damaged("coordinate")
        out.append(-m if m and coder.even(1) else m)
    if coder.encoder.bytes() != data:
        raise Damaged("not the shortest string")
    return out


def transform(v):
    """The t of "Subspace", int64 (N,), N a power of two."""
    half = 1
    while half < len(v):
        pairs = v.reshape(-1, 2, half)
        v = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1).reshape(-1)
        half *= 2
    return v


def weights_of(shape_list, q, s, seed):
    """Tensors of theta ("Subspace")."""
    normals, gains, start = Stream(seed, 32), [], []
    for shape in shape_list:
        size, fan_in = math.prod(shape), math.prod(shape[1:])
        gain = math.sqrt(2.0 / float(fan_in))
        start.append(normals.normals(size) * np.float32(0.5 * gain))
        start.append(np.zeros(shape[0], np.float32))
        gains += [np.full(size, gain), np.full(shape[0], gain)]
    theta_0, gains = np.concatenate(start), np.concatenate(gains)
    D = len(theta_0)
    N = 1 << (D - 1).bit_length()
    v = np.zeros(N, np.int64)
    v[Stream(seed, 33).permutation(N)[: len(q)]] = q
    signs = np.array([-1 if b else 1 for b in Stream(seed, 34).below(2, D)])
    v = transform(v)
    step = (16 + s % 16) * 2.0 ** (s // 16 - 20)
    theta = (theta_0.astype(np.float64) + (signs * v[:D]).astype(np.float64) * (gains * step)).astype(
        np.float32
    )
    return split(shape_list, theta)


def split(shapes, theta):
    """The flat vector as tensors: weight and bias of each weight's shape."""
    out, at = [], 0
    for shape in shapes:
        size = math.prod(shape)
        out += [theta[at : at + size].reshape(shape), theta[at + size : at + size + shape[0]]]
        at += size + shape[0]
    return out


def weight_shapes(vertices, inputs, k):
    """Shapes of the weights of a network without running statistics; a bias follows each."""
    return tensor_shapes(vertices, inputs, k)[::2]


def read_subspace(file, x):
    """(vertices, tensors) of a file's network, and a Reader at what follows it."""
    r, vertices = Reader(file.payload), network(file.net, file.own)
    shapes = weight_shapes(vertices, x.shape[1:], file.k)
    d, parameters = r.unsigned(), sum(math.prod(shape) + shape[0] for shape in shapes)
    if d > min(1 << 20, 1 << (parameters - 1).bit_length()):
        raise Damaged("dimension")
    s = r.byte() if d else 0
    q = coordinates(r.take(r.unsigned()), d) if d else []
    return vertices, weights_of(shapes, q, s, file.seed), r


def decode_subspace(file, x):
    """Classes of a file of more than one, int64 (n,)."""
    vertices, tensors, r = read_subspace(file, x)
    return decode_labels(vertices, tensors, x, r.byte(), r.rest())
