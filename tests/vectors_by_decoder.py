"""What formats/decoder/ computes from the inputs of the vectors of arithmetic, files and network sections."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from vectors import each_of

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder import elementary, graphs, logistic_mixing, muon, training
from decoder.blocks import block, columnsum, softmax, softmaxes
from decoder.features import digest, features
from decoder.frame import Reader, read_frame
from decoder.label_file import decode_uniform, label_digest
from decoder.layers import (
    GELU,
    BatchNormalisation,
    Convolution,
    Dropout,
    FullyConnected,
    ReLU,
    Tanh,
    block64,
)
from decoder.network_section import decode_network
from decoder.pooling import Average, AverageOverPlaces, Maximum, MaximumOverPlaces, Subsampling
from decoder.random_numbers import Stream, normals_of
from decoder.range_coder import Decoder, Encoder, frequencies
from decoder.real_predictors import RegressionMember

f32 = np.float32


def _layer(layer, x, g, weights=(), running=()):
    y = layer.forward(x, (list(weights), list(running)), True)
    return {"y": y, "dx": layer.backward(g)[0]}


def fully_connected(x, w, bias, g, digits):
    layer = FullyConnected(w.shape[1], len(w), 1.0)
    layer.digits = digits[1]
    y = layer.forward(x, ([w, bias], []), True)
    dx, (dw, db) = layer.backward(g)
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def convolution(x, w, bias, g, digits, padding, stride):
    layer = Convolution(w.shape[3], len(w), 1.0, k=w.shape[1], p=padding, s=stride)
    layer.digits = digits[1]
    y = layer.forward(x, ([w, bias], []), True)
    dx, (dw, db) = layer.backward(g)
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def block_integers(x, digits):
    q, e = block(x, digits)
    return {"q": q, "e": e}


def weighted_block(g, e):
    q, h = block64(g.astype(np.float64) * 2.0 ** -e.astype(np.float64)[:, None])
    return {"q": q.astype(np.int64), "e": h}


def batch_normalisation(x, gain, bias, statistics, rate, g):
    layer = BatchNormalisation(len(gain), rate)
    layer.seen = 10**6
    y = layer.forward(x, ([gain, bias], list(statistics)), True)
    dx, (d_gain, d_bias) = layer.backward(g)
    running = layer.running
    predicted = layer.forward(x, ([gain, bias], running), False)
    gradients = {"dx": dx, "d_gain": d_gain, "d_bias": d_bias}
    return {"y": y, "statistics": np.stack(running), "predicted": predicted, **gradients}


def normalisation(x, gain, bias, statistics):
    y = BatchNormalisation(len(gain)).forward(x, ([gain, bias], list(statistics)), False)
    for row, of_a_graph in zip(y, x, strict=True):
        assert graphs.normalised(of_a_graph, gain, bias, *statistics).tobytes() == row.tobytes()
    return {"y": y}


def dropout(x, words, keep, g):
    layer = Dropout(keep)
    layer.stream = SimpleNamespace(words=lambda count: words[:count].tolist())
    return _layer(layer, x, g)


def muon_steps(weights, gradients, rates, rate, momentum, matrix):
    w, m, out = weights.copy(), np.zeros_like(weights), []
    for r, g in zip(rates.tolist(), gradients, strict=True):
        muon.step(r, w, m, g, float(rate), float(momentum), matrix)
        out.append(w.copy())
    return {"weights": np.stack(out), "momentum": m}


def adam(weights, gradients, rates, beta2, decay):
    w, m, v, out = weights.copy(), np.zeros_like(weights), np.zeros_like(weights), []
    optimiser = training.Adam(float(beta2), float(decay))
    for rate, g in zip(rates.tolist(), gradients, strict=True):
        optimiser.step(rate, [(w, m, v, g)])
        out.append(w.copy())
    return {"weights": np.stack(out), "first moments": m, "second moments": v}


def range_coder(frequencies, symbols):
    encoder = Encoder()
    for s, f in zip(symbols, frequencies.tolist(), strict=True):
        if len(f) > 1:
            encoder.symbol(sum(f[:s]), f[s])
    payload = encoder.bytes()
    coder = Decoder(payload)
    assert [coder.symbol(f) for f in frequencies.tolist()] == symbols
    return {"payload": payload}


def damaged_payload(frequencies, payload):
    coder = Decoder(payload)
    return {"symbols": [coder.symbol(f) for f in frequencies.tolist()]}


def slot(bits, limit):
    slots, states = logistic_mixing.Slots(), []
    for bit in bits:
        slots.learn(0, slots[0], bit, limit)
        states.append(slots[0])
    return {"q": [q for q, _ in states], "n": [n for _, n in states]}


def integers(section, kinds):
    coder, slots = logistic_mixing.Coder(section), {}
    values = [coder.integer(slots.setdefault(kind, logistic_mixing.Slots())) for kind in kinds]
    assert coder.encoder.bytes() == section
    return {"values": np.array(values, np.uint64)}


def mixture(section, contexts, further, sets, weights, rate, limit):
    coder = logistic_mixing.Coder(section)
    mixed = logistic_mixing.Mixture(weights, max(sets) + 1, tuple(rate), limit)
    rows = zip(contexts.tolist(), further.tolist(), sets, strict=True)
    bits = [mixed.decode(coder, chosen, inputs, which) for chosen, inputs, which in rows]
    used = sorted({(c, s) for row in contexts.tolist() for c, s in enumerate(row)})
    return {
        "bits": bits,
        "weights": np.array(mixed.weights),
        "q": [mixed.slots[key][0] for key in used],
        "n": [mixed.slots[key][1] for key in used],
    }


def section(section):
    tensors = decode_network(section)
    return {
        "names": [name for name, _, _ in tensors],
        "types": [kind for _, kind, _ in tensors],
        "shapes": [list(x.shape) for _, _, x in tensors],
        "patterns": b"".join(x.astype(x.dtype.newbyteorder("<")).tobytes() for _, _, x in tensors),
    }


CHECKS = {
    "arithmetic": {
        "block integers": block_integers,
        "weighted block": weighted_block,
        "fully connected": fully_connected,
        "convolution": convolution,
        "columnsum": lambda x: {"sums": columnsum(x)},
        "exp": each_of(elementary.exp),
        "log": each_of(elementary.log),
        "tanh": each_of(elementary.tanh),
        "normal_quantile": each_of(elementary.normal_quantile),
        "words": lambda seed, purpose, index, count: {
            "words": np.array(Stream(int(seed), purpose, int(index)).words(count), np.uint64)
        },
        "normals of words": lambda words: {"normals": normals_of(words.tolist())},
        "normals": lambda key, count: {"normals": Stream(*key).normals(count)},
        "integers below": lambda key, bound, count: {"integers": Stream(*key).below(bound, count)},
        "signed units": lambda key, count: {"units": Stream(*key).signed_units(count)},
        "permutation": lambda key, n: {"permutation": np.array(Stream(*key).permutation(n))},
        "ReLU": lambda x, g: _layer(ReLU(), x, g),
        "tanh of a layer": lambda x, g: _layer(Tanh(), x, g),
        "maximum of windows": lambda x, kernel, stride, g: _layer(Maximum(kernel, stride), x, g),
        "average of windows": lambda x, kernel, stride, g: _layer(Average(kernel, stride), x, g),
        "average over places": lambda x, g: _layer(AverageOverPlaces(), x, g),
        "addition": lambda a, b: {"y": a + b},
        "subsampling": lambda x, stride, before, after, g: _layer(Subsampling(stride, before, after), x, g),
        "normalisation by running statistics": normalisation,
        "batch normalisation": batch_normalisation,
        "dropout": dropout,
        "softmax": lambda scores: {"p": np.array(softmax(scores.astype(np.float64).tolist()))},
        "cross-entropy": lambda scores, classes, smoothing: {
            "dx": training.cross_entropy_gradient(softmaxes(scores), np.array(classes), float(smoothing))
        },
        "squared error": lambda outputs, targets: {
            "dx": RegressionMember.loss_gradient(None, outputs, None, targets, 1)
        },
        "Adam": adam,
        "average of weights": lambda average, weights, c: {
            "average": training.moved_towards(average, weights, f32(c))
        },
        "maximum over places": lambda x, g: _layer(MaximumOverPlaces(), x, g),
        "GELU": lambda x, g: _layer(GELU(), x, g),
        "shared cross-entropy": lambda scores, classes, seconds, smoothing, share: {
            "dx": training.cross_entropy_gradient(
                softmaxes(scores), np.array(classes), float(smoothing), np.array(seconds), float(share)
            )
        },
        "orthogonal": lambda X: {"y": muon.orthogonal(X)},  # noqa: N803
        "Muon": muon_steps,
        "eigenvectors": lambda matrix: dict(
            zip(("values", "vectors"), muon.eigenvectors(matrix), strict=True)
        ),
    },
    "container": {
        "unsigned": lambda field: {"value": np.array(Reader(field).unsigned(), np.uint64)},
        "signed": lambda field: {"value": np.array(Reader(field).signed(), np.int64)},
        "frame": lambda file: dict(zip(("kind", "body"), read_frame(file), strict=True)),
    },
    "data": {
        "digest": lambda x: {"digest": digest(x)},
        "features": lambda x: {"features": features(x)},
    },
    "labels": {
        "frequencies": lambda p: {"frequencies": np.array(frequencies(p.tolist()), np.uint32)},
        "range coder": range_coder,
        "damaged payload": damaged_payload,
        "uniform": lambda payload, n, k: {"classes": decode_uniform(payload, n, k)},
        "digest of labels": lambda classes: {"digest": label_digest(classes)},
    },
    "network": {
        "squash": lambda: {"table": np.array([logistic_mixing.SQUASH[x] for x in range(-3071, 3072)])},
        "stretch": lambda: {"table": np.array(logistic_mixing.STRETCH)},
        "slot": slot,
        "integers": integers,
        "mixture": mixture,
        "section": section,
    },
}
