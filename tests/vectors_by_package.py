"""What the package computes from the inputs of the vectors of arithmetic, files and network sections."""

import numpy as np
from vectors import each_of

from mdlcodec.container.frame import Reader, read_frame, signed, unsigned
from mdlcodec.container.label_file import label_digest
from mdlcodec.data.arrays import array_content
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.entropy import RangeDecoder, RangeEncoder, integer_frequencies
from mdlcodec.entropy.frequencies import integer_frequency_row
from mdlcodec.exact import elementary, random
from mdlcodec.exact.activation import Add, Dropout, Rectify, Tanh
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.gelu import Gelu
from mdlcodec.exact.integers import Digits, gradient_exponents, quantise_tensor, round_weighted
from mdlcodec.exact.jacobi import eigenvectors
from mdlcodec.exact.linear import Arithmetic, Convolution, Linear
from mdlcodec.exact.loss import CrossEntropy, SquaredError, softmax_row
from mdlcodec.exact.muon import Muon, Part
from mdlcodec.exact.normalisation import BatchNormalisation, normalised
from mdlcodec.exact.optimisers import Adam, move_towards
from mdlcodec.exact.pooling import AveragePool, GlobalAverage, GlobalMaximum, MaxPool, Subsample
from mdlcodec.exact.random import Stream
from mdlcodec.exact.sums import column_sums
from mdlcodec.mixing import logistic
from mdlcodec.predictors import warps

_f32 = np.float32


def _function(function, g, *inputs):
    y, saved = function.forward(*inputs)
    return {"y": y, "dx": function.backward(saved, g)[0]}


def _product(function, x, w, bias, g, digits, *rest, engine=None):
    engine = chosen_arithmetic().engine if engine is None else engine
    arithmetic = Arithmetic(engine, Digits(*digits))
    where = (*rest[:1], arithmetic, *rest[1:])
    y, saved = function.forward(x, w, bias, *where)
    dx, dw, db = function.backward(saved, g)
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def fully_connected(x, w, bias, g, digits, engine=None):
    return _product(Linear, x, w, bias, g, digits, engine=engine)


def convolution(x, w, bias, g, digits, padding, stride, engine=None):
    return _product(Convolution, x, w, bias, g, digits, padding, stride, engine=engine)


def block_integers(x, digits):
    q, e = quantise_tensor(x, digits)
    return {"q": q.astype(np.int64), "e": e}


def weighted_block(g, e):
    exponent = int(gradient_exponents(g, e, 2).weighted)
    return {"q": round_weighted(g, e, exponent).astype(np.int64), "e": exponent}


def batch_normalisation(x, gain, bias, statistics, rate, g):
    moved = statistics.copy()
    y, saved = BatchNormalisation.forward(x, gain, bias, moved, rate)
    dx, d_gain, d_bias = BatchNormalisation.backward(saved, g)
    gradients = {"dx": dx, "d_gain": d_gain, "d_bias": d_bias}
    return {"y": y, "statistics": moved, "predicted": normalised(x, moved, gain, bias), **gradients}


def softmax(scores):
    out = np.empty(scores.size)
    softmax_row(scores, 1.0, out)
    return {"p": out}


def cross_entropy(scores, classes, smoothing):
    _, saved = CrossEntropy.forward(scores, np.array(classes), float(smoothing))
    return {"dx": CrossEntropy.backward(saved)[0]}


def squared_error(outputs, targets):
    _, saved = SquaredError.forward(outputs, targets)
    return {"dx": SquaredError.backward(saved)[0]}


def adam(weights, gradients, rates, beta2, decay):
    w, out = weights.copy(), []
    optimiser = Adam(w, beta2=float(beta2))
    for rate, g in zip(rates.tolist(), gradients, strict=True):
        optimiser.step(w, np.ascontiguousarray(g), rate, float(decay))
        out.append(w.copy())
    moments = {"first moments": optimiser._first, "second moments": optimiser._second}
    return {"weights": np.stack(out), **moments}


def shared_cross_entropy(scores, classes, seconds, smoothing, share):
    out = CrossEntropy.forward(
        scores, np.array(classes), float(smoothing), seconds=np.array(seconds), share=float(share)
    )
    return {"dx": CrossEntropy.backward(out[1])[0]}


def muon_steps(weights, gradients, rates, rate, momentum, matrix):
    w, out = weights.reshape(-1).copy(), []
    part = Part(0, w.size, len(weights) if matrix else None, float(rate), float(momentum))
    optimiser = Muon(w, [part], chosen_arithmetic())
    for r, g in zip(rates.tolist(), gradients, strict=True):
        optimiser.step(w, np.ascontiguousarray(g).reshape(-1), r)
        out.append(w.reshape(weights.shape).copy())
    return {"weights": np.stack(out), "momentum": optimiser._momentum.reshape(weights.shape)}


def orthogonal(X):  # noqa: N803
    return {"y": Muon(np.zeros(1, np.float32), [], chosen_arithmetic())._orthogonal(X)}


def average(average, weights, c):
    moved = average.copy()
    move_towards(moved, weights, _f32(c))
    return {"average": moved}


def words(seed, purpose, index, count):
    stream, again = Stream(int(seed), purpose, int(index)), Stream(int(seed), purpose, int(index))
    again.seek(count - 1)
    out = stream.words(count)
    assert again.words(1)[0] == out[-1]
    return {"words": out}


def normals_of_words(words):
    out = np.empty(words.size, np.float32)
    random._normals(words, out)
    return {"normals": out}


def unsigned_integer(field):
    value = Reader(field).unsigned()
    assert unsigned(value) == field
    return {"value": np.array(value, np.uint64)}


def signed_integer(field):
    value = Reader(field).signed()
    assert signed(value) == field
    return {"value": np.array(value, np.int64)}


def range_coder(frequencies, symbols):
    encoder = RangeEncoder()
    encoder.encode(symbols, frequencies)
    payload = encoder.finish()
    assert RangeDecoder(payload).decode(frequencies).tolist() == symbols
    return {"payload": payload}


def uniform(payload, n, k):
    rows = integer_frequencies(np.full((n, k), 1.0 / k))
    return {"classes": RangeDecoder(payload).decode(rows).astype(np.int64)}


def slot(bits, limit):
    value, q, n = int(logistic.HALF), [], []
    for bit in bits:
        value = int(logistic._learned(value, bit, limit))
        q.append(value >> logistic.COUNT_BITS)
        n.append(value & logistic.COUNT_MASK)
    return {"q": q, "n": n}


def integers(section, kinds):
    coder = logistic.BitDecoder(section)
    slots = np.full(logistic.INTEGER_SLOTS * (max(kinds) + 1), logistic.HALF, np.uint32)
    values = [
        int(logistic.code_integer(coder.coding(126), slots, logistic.INTEGER_SLOTS * kind, 0))
        for kind in kinds
    ]
    assert coder.intact and coder.is_whole()
    return {"values": np.array(values, np.uint64)}


def mixture(section, contexts, further, sets, weights, rate, limit):
    coder, each = logistic.BitDecoder(section), 4096
    count = contexts.shape[1]
    mixed = logistic.new_mixture(each * count, max(sets) + 1, weights, count, (*rate, limit))
    bits = []
    for row, inputs, which in zip(contexts, further, sets, strict=True):
        mixed.indices[:] = each * np.arange(count) + row
        mixed.inputs[count:] = inputs
        bits.append(int(logistic.code_mixed(coder.coding(1), mixed, which, 0)))
    assert coder.is_whole()
    used = sorted({each * c + s for row in contexts.tolist() for c, s in enumerate(row)})
    slots = [int(mixed.slots[i]) for i in used]
    return {
        "bits": bits,
        "weights": mixed.weights,
        "q": [s >> logistic.COUNT_BITS for s in slots],
        "n": [s & logistic.COUNT_MASK for s in slots],
    }


def section(section):
    tensors = decode_network(section).tensors
    return {
        "names": [t.name for t in tensors],
        "types": [t.dtype.name for t in tensors],
        "shapes": [list(t.shape) for t in tensors],
        "patterns": b"".join(t.patterns.tobytes() for t in tensors),
    }


CHECKS = {
    "arithmetic": {
        "block integers": block_integers,
        "weighted block": weighted_block,
        "fully connected": fully_connected,
        "convolution": convolution,
        "columnsum": lambda x: {"sums": column_sums(x)},
        "exp": each_of(elementary.exp),
        "log": each_of(elementary.log),
        "tanh": each_of(elementary.tanh),
        "normal_quantile": each_of(elementary.normal_quantile),
        "words": words,
        "normals of words": normals_of_words,
        "normals": lambda key, count: {"normals": Stream(*key).normals((count,))},
        "integers below": lambda key, bound, count: {"integers": Stream(*key).below(bound, count).tolist()},
        "signed units": lambda key, count: {
            "units": np.array([warps._signed_unit(word) for word in Stream(*key).words(count)])
        },
        "permutation": lambda key, n: {"permutation": Stream(*key).permutation(n)},
        "ReLU": lambda x, g: _function(Rectify, g, x),
        "tanh of a layer": lambda x, g: _function(Tanh, g, x),
        "maximum of windows": lambda x, kernel, stride, g: _function(MaxPool, g, x, kernel, stride),
        "average of windows": lambda x, kernel, stride, g: _function(AveragePool, g, x, kernel, stride),
        "average over places": lambda x, g: _function(GlobalAverage, g, x),
        "addition": lambda a, b: {"y": Add.forward(a, b)[0]},
        "subsampling": lambda x, stride, before, after, g: _function(Subsample, g, x, stride, before, after),
        "normalisation by running statistics": lambda x, gain, bias, statistics: {
            "y": normalised(x, statistics, gain, bias)
        },
        "batch normalisation": batch_normalisation,
        "dropout": lambda x, words, keep, g: _function(Dropout, g, x, words, keep),
        "softmax": softmax,
        "cross-entropy": cross_entropy,
        "squared error": squared_error,
        "Adam": adam,
        "average of weights": average,
        "maximum over places": lambda x, g: _function(GlobalMaximum, g, x),
        "GELU": lambda x, g: _function(Gelu, g, x),
        "shared cross-entropy": shared_cross_entropy,
        "orthogonal": orthogonal,
        "Muon": muon_steps,
        "eigenvectors": lambda matrix: dict(zip(("values", "vectors"), eigenvectors(matrix), strict=True)),
    },
    "container": {
        "unsigned": unsigned_integer,
        "signed": signed_integer,
        "frame": lambda file: dict(zip(("kind", "body"), read_frame(file), strict=True)),
    },
    "data": {
        "digest": lambda x: {"digest": array_content(x).digest},
        "features": lambda x: {"features": array_content(x).inputs().features},
    },
    "labels": {
        "frequencies": lambda p: {"frequencies": integer_frequency_row(p)},
        "range coder": range_coder,
        "damaged payload": lambda frequencies, payload: {
            "symbols": RangeDecoder(payload).decode(frequencies).tolist()
        },
        "uniform": uniform,
        "digest of labels": lambda classes: {"digest": label_digest(np.array(classes))},
    },
    "network": {
        "squash": lambda: {"table": logistic.SQUASH},
        "stretch": lambda: {"table": logistic.STRETCH},
        "slot": slot,
        "integers": integers,
        "mixture": mixture,
        "section": section,
    },
}
