"""Labels under a network that the file holds (formats/two_part.md; of real numbers, reals.md, section 6)."""

import numpy as np

from decoder.blocks import softmax
from decoder.frame import Damaged, Reader
from decoder.graphs import network, scores_of, tensor_shapes
from decoder.network_section import decode_network
from decoder.range_coder import Decoder, frequencies
from decoder.real_mixture import decode_fixed

TEMPERATURES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0)


def share(index):
    """The e of "Calibration"."""
    return 0.0 if index == 0 else 2.0 ** (index - 15)


def calibrated(scores, byte):
    """Probabilities of the classes, a list of floats, under the byte of "Calibration"."""
    k, b, e = len(scores), TEMPERATURES[byte >> 4], share(byte & 15)
    p = softmax([float(s) * b for s in scores])
    return [(1.0 - e) * v + e / float(k) for v in p]


def decode_labels(vertices, tensors, x, byte, payload):
    """Classes, int64 (n,), of examples x under a network."""
    coder = Decoder(payload)
    rows = (frequencies(calibrated(scores_of(vertices, tensors, row), byte)) for row in x)
    return np.array([coder.symbol(f) for f in rows], np.int64)


def real(kind, patterns):
    """float32 of a tensor's patterns. Raises Damaged for other element types than F32, F16 and BF16."""
    if kind == "BF16":
        return (patterns.astype(np.uint32) << 16).view(np.float32)
    if kind not in ("F32", "F16"):
        raise Damaged("element type")
    return patterns.view({"F32": "<f4", "F16": "<f2"}[kind]).astype(np.float32)


def transmitted(section, vertices, inputs, outputs):
    """Tensors of a network section, checked against the network ("Network")."""
    tensors = [real(kind, patterns) for _, kind, patterns in decode_network(section)]
    if [t.shape for t in tensors] != tensor_shapes(vertices, inputs, outputs, tensors):
        raise Damaged("shape")
    if not all(np.isfinite(t).all() for t in tensors):
        raise Damaged("NaN or infinity")
    at = 0
    for vertex in vertices:
        if vertex.node == "normalisation" and (tensors[at + 3] < 0).any():
            raise Damaged("running variance")
        at += {"linear": 2, "convolution": 1 + vertex.bias, "normalisation": 4}.get(vertex.node, 0)
    return tensors


def outputs_of(vertices, tensors, x):
    """Outputs of a network for all examples, float32 (n, outputs)."""
    return np.array([scores_of(vertices, tensors, row) for row in x])


def read_two_part(file, x):
    """(vertices, tensors) of a file's network, and a Reader at what follows it; one output for real numbers."""
    r, vertices = Reader(file.payload), network(file.net, file.own)
    section = r.take(r.unsigned())
    return vertices, transmitted(section, vertices, x.shape[1:], file.k if file.grid is None else 1), r


def decode_two_part(file, x):
    """Classes of a file of more than one, int64 (n,)."""
    vertices, tensors, r = read_two_part(file, x)
    return decode_labels(vertices, tensors, x, r.byte(), r.rest())


def decode_two_part_reals(file, x):
    """Indices of a file of more than one, a list."""
    vertices, tensors, r = read_two_part(file, x)
    offset = int.from_bytes(r.take(2), "little", signed=True)
    i, j, shares = r.byte(), r.byte(), r.byte()
    scale = (16 + i % 16) * 2.0 ** (i // 16) / 4096.0
    deviation = scale * ((16 + j % 16) / 2.0 ** (16 - j // 16))
    means = (offset / 4096.0 + scale * float(output) for output in outputs_of(vertices, tensors, x)[:, 0])
    return decode_fixed(file.grid, means, deviation, share(shares >> 4), share(shares & 15), r.rest())
