# ruff: noqa: N803, N806 (capitals as on the page)
"""The variational code (formats/variational.md)."""

import math
import struct

import numpy as np

from decoder.frame import Damaged, Reader, Unsupported
from decoder.graphs import network
from decoder.label_file import read_own_net
from decoder.random_numbers import Stream
from decoder.subspace import split, weight_shapes
from decoder.two_part import decode_labels


def deviation(v):
    """The s_t of a byte ("Weights")."""
    return (8 + (v & 7)) * 2.0 ** ((v >> 3) - 24) if v else 0.0


def flat_weights(sizes, deviations, indices, C, seed):
    """The flat vector of weights, float32, that the indices of the blocks name ("Weights")."""
    N = len(indices)
    theta = np.zeros(sum(sizes), np.float32)
    blocks, at = [[] for _ in range(N)], 0
    for t, (m, s) in enumerate(zip(sizes, deviations, strict=True)):
        if s > 0:
            for i, place in enumerate(Stream(seed, 49, t).permutation(m)):
                blocks[i * N // m].append((at + place, s))
        at += m
    for b, members in enumerate(blocks):
        z = Stream(seed, 48, b * (1 << C) + indices[b]).normals(len(members))
        for (place, s), value in zip(members, z, strict=True):
            theta[place] = np.float32(float(value) * s)
    return theta


def read_sent(r, vertices, shape, k, seed):
    """Tensors of the network that the fields up to the indices name ("Payload"), for examples of a shape."""
    shape_list = weight_shapes(vertices, shape, k)
    sizes = [n for one in shape_list for n in (math.prod(one), one[0])]
    first, N = r.byte(), r.unsigned()
    C, P = first & 31, first >> 5
    if not 1 <= C <= 24 or N > sum(sizes) or (N and P not in (0, len(shape_list))):
        raise Damaged("C, N or P")
    deviations = [0.0] * len(sizes)
    if N and P:
        deviations = [deviation(v) for v in r.take(len(sizes))]
    elif N:
        variance = struct.unpack("<f", r.take(4))[0]
        if not 2.0**-40 <= variance <= 2.0**40:
            raise Damaged("variance")
        deviations = [float(np.float32(math.sqrt(variance)))] * len(sizes)
    if N and not any(deviations):
        raise Damaged("no tensor with a deviation above 0")
    bits = int.from_bytes(r.take(-(-N * C // 8)), "big") >> (-N * C % 8)
    indices = [bits >> (C * (N - 1 - b)) & ((1 << C) - 1) for b in range(N)]
    return split(shape_list, flat_weights(sizes, deviations, indices, C, seed))


def check_sampled(vertices):
    """Raises Unsupported for what "Networks" does not have."""
    layers = [v for v in vertices if v.node in ("linear", "convolution")]
    if any(v.node == "normalisation" for v in vertices) or len(layers) > 7 or not all(v.bias for v in layers):
        raise Unsupported("running statistics, more than 7 layers, or one without a bias")


def read_variational(file, x):
    """(vertices, tensors) of a file's network, and a Reader at what follows it."""
    r, vertices = Reader(file.payload), network(file.net, file.own)
    return vertices, read_sent(r, vertices, x.shape[1:], file.k, file.seed), r


def read_sampled(body):
    """(vertices, tensors) of a file of kind 3, by its body ("A network alone")."""
    r = Reader(body)
    net = r.byte()
    seed = r.unsigned() if net & 128 else 0
    if net & 128 and not seed:
        raise Damaged("seed of 0")
    vertices = network(net & 127, read_own_net(r) if net & 127 == 127 else None)
    axes = r.unsigned()
    if axes not in (1, 3):
        raise Damaged("axes")
    shape, k = tuple(r.unsigned() for _ in range(axes)), r.unsigned()
    if not all(1 <= extent <= 1 << 30 for extent in shape) or not 1 <= k <= 65536:
        raise Damaged("extent or k")
    check_sampled(vertices)
    tensors = read_sent(r, vertices, shape, k, seed)
    if r.rest():
        raise Damaged("bytes follow")
    return vertices, tensors


def decode_variational(file, x):
    """Classes of a file of more than one, int64 (n,)."""
    vertices, tensors, r = read_variational(file, x)
    return decode_labels(vertices, tensors, x, r.byte(), r.rest())
