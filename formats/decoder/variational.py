# ruff: noqa: N803, N806 (capitals as on the page)
"""The variational code (formats/variational.md)."""

import math
import struct

import numpy as np

from decoder.frame import Damaged, Reader
from decoder.graphs import network
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


def read_variational(file, x):
    """(vertices, tensors) of a file's network, and a Reader at what follows it."""
    r, vertices = Reader(file.payload), network(file.net, file.own)
    shape_list = weight_shapes(vertices, x.shape[1:], file.k)
    sizes = [n for shape in shape_list for n in (math.prod(shape), shape[0])]
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
    theta = flat_weights(sizes, deviations, indices, C, file.seed)
    return vertices, split(shape_list, theta), r


def decode_variational(file, x):
    """Classes of a file of more than one, int64 (n,)."""
    vertices, tensors, r = read_variational(file, x)
    return decode_labels(vertices, tensors, x, r.byte(), r.rest())
