"""What the package computes from the inputs of the vectors of codes and predictors."""

import numpy as np
from vectors import each_of

from mdlcodec.container.frame import Reader
from mdlcodec.container.grid import decode_grid
from mdlcodec.data.targets import Reals
from mdlcodec.descriptions.posterior_samples import deviation_of, weights_from
from mdlcodec.descriptions.subspace.affine import STEPS, AffineSubspace
from mdlcodec.descriptions.subspace.coordinates import decode_coordinates, encode_coordinates
from mdlcodec.entropy import RangeDecoder, integer_frequencies
from mdlcodec.exact import hadamard
from mdlcodec.exact.normal import normal_tail
from mdlcodec.exact.random import Stream
from mdlcodec.mixing import temperature
from mdlcodec.mixing.cells import bound, learned, standardised
from mdlcodec.mixing.fixed_mixture import FixedMixture
from mdlcodec.mixing.halving import UniformIndices
from mdlcodec.mixing.pools import fill_pools, mean_log_probabilities
from mdlcodec.mixing.real_mixture import RealMixture
from mdlcodec.mixing.switch_distribution import Calibration
from mdlcodec.nn.exact_prediction import ExactNetwork
from mdlcodec.nn.node import scaled_normals
from mdlcodec.nn.zoo import ARCHITECTURES, architecture_named
from mdlcodec.predictors import augmentation, kernel, pictures, warps
from mdlcodec.predictors.encoding import encoded
from mdlcodec.predictors.kernel_features import kernel_columns
from mdlcodec.predictors.neighbours import NeighboursPredictor
from mdlcodec.predictors.network_predictor import integer_root
from mdlcodec.predictors.presets import KERNEL
from mdlcodec.predictors.whitening import whitening_of

_f32 = np.float32


def uniform(payload, n, k):
    rows = integer_frequencies(np.full((n, k), 1.0 / k))
    return {"classes": RangeDecoder(payload).decode(rows).astype(np.int64)}


def mixture_step(scores, labels, kept=None):
    mixed = Calibration(scores.shape[2], scores.shape[1])
    rows = mixed.frequencies(scores, np.array(labels, np.int32))[0]
    out = {"frequencies": rows, "weights": mixed._weights.copy()}
    if kept is not None:
        mixed.keep(kept)
        out |= {"prior after": mixed._prior, "weights after": mixed._weights}
    return out


def mean_of_members(scores):
    out = np.empty(scores.shape[1:])
    mean_log_probabilities(scores, out)
    return {"scores": out}


def initial_weights(key, shape, gain):
    fan_in = int(np.prod(shape[1:]))
    return {"weights": scaled_normals(tuple(shape), fan_in, float(gain), Stream(*key))}


def warp(images, key, limits, varied):
    rotation, scale, shear, shift = limits.tolist()
    warp = warps.Warp(rotation, scale, shear, shift, shift, varied)
    return {"y": warps.warped(images, np.arange(len(images)), warp, Stream(*key))}


def whitened(images):
    node = whitening_of(images)
    return {"filters": node.weights, "biases": node.bias}


def cutmix(images, key):
    x = images.copy()
    mixed = augmentation.pasted(x, Stream(*key))
    others = np.arange(len(x)) if mixed is None else mixed.others
    return {"y": x, "others": others.tolist(), "share": np.array(0.0 if mixed is None else mixed.share)}


def regression(x, labels, k, preset, seed):
    effort, n = KERNEL[preset], len(x)
    distances = kernel.example_distances(x, effort, seed)
    machine, out = kernel.KernelPredictor(n, k, distances, effort), []
    for i, y in enumerate(labels):
        out.append(machine.predict(i, i + 1)[0])
        machine.learn(i, i + 1, np.array([y]))
    machine._factorise(n)
    return {
        "distances": distances,
        "factor": machine._factors[0],
        "scores": np.stack(out),
        "losses": machine._losses,
    }


def neighbours(x, labels, k):
    distances = kernel.example_distances(x, KERNEL[1], 0)
    machine, out = NeighboursPredictor(len(x), k, distances), []
    for i, y in enumerate(labels):
        out.append(machine.predict(i, i + 1)[0])
        machine.learn(i, i + 1, np.array([y]))
    return {"scores": np.stack(out)}


def pooled(scores, sizes):
    out = np.empty((1, 2 + len(sizes), scores.shape[1]))
    fill_pools(scores[None], np.array(sizes), out)
    return {"scores": out[0]}


def theta(shapes, q, step, seed):
    (_, inputs), (outputs, _) = shapes[0], shapes[-1]
    widths = "-".join(str(out) for out, _ in shapes[:-1])
    space = AffineSubspace(architecture_named(f"mlp-{widths}"), (inputs,), outputs, seed, q.size)
    tensors = space.weights(q, STEPS[step])
    return {"theta": np.concatenate([t.reshape(-1) for t in tensors.values()])}


def prediction(network, shape, tensors, x):
    known = {a.number: a for a in ARCHITECTURES.values()}
    architecture = known[network[0]] if len(network) == 1 else architecture_named(network[1])
    names = architecture.tensors(tuple(shape), len(tensors[-1]))
    weights = dict(zip(names, tensors, strict=True))
    return {"scores": ExactNetwork(architecture, weights, tuple(shape)).scores(x.reshape(-1, *shape))}


def _reals(section, dtype):
    return Reals(decode_grid(Reader(section), np.dtype(dtype)), np.dtype(dtype))


def cells(grid, dtype, indices):
    reals = _reals(grid, dtype)
    whole, numbers = reals.cells()
    bounds = [float(bound(i, whole, numbers)) for i in indices]
    return {
        "values": reals.values(np.array(indices)),
        "bounds": np.array(bounds),
        "standardised": np.array([standardised(b, numbers) for b in bounds]),
        "learned": np.array([learned(i, whole, numbers) for i in indices]),
    }


def mixture_of_reals(grid, dtype, scores, indices):
    reals = _reals(grid, dtype)
    mixed = RealMixture(scores.shape[1], reals.grid.low, reals.grid.high, *reals.cells())
    targets = mixed.encode(scores, np.array(indices))
    return {
        "payload": mixed.finish(),
        "learned": targets,
        "weights": mixed._weights,
        "spreads": mixed._spread,
        "without inputs": mixed._alone,
    }


def fixed_parts(grid, dtype, means, deviation, heavy, uniform, payload):
    reals, indices = _reals(grid, dtype), np.zeros(means.size, np.int64)
    # the deviation is a scale times that of byte 0, 2^-12; shares by their index, 2^(j - 15)
    shares = 16 * _share(float(heavy)) + _share(float(uniform))
    ends = reals.grid.low, reals.grid.high
    coder = FixedMixture(float(deviation) * 4096.0, 0, shares, *ends, *reals.cells(), payload)
    coder.decode(means, indices)
    return {"indices": indices.tolist()}


def _share(share):
    return temperature.UNIFORM_SHARES.tolist().index(share)


def uniform_reals(grid, dtype, n, payload):
    reals, indices = _reals(grid, dtype), np.zeros(n, np.int64)
    UniformIndices(reals.grid.low, reals.grid.high, payload).decode(indices)
    return {"indices": indices.tolist()}


def coordinates(coordinates, d):
    q = decode_coordinates(coordinates, d)
    assert encode_coordinates(q) == coordinates
    return {"q": q}


def transformed(v):
    t = v.copy()
    hadamard.transform(t)
    return {"t": t}


def sampled_weights(sizes, deviations, indices, bits, seed):
    shapes = [(size,) for size in sizes]
    return {
        "weights": np.concatenate(weights_from(shapes, list(deviations.astype(_f32)), indices, bits, seed))
    }


CHECKS = {
    "graphs": {"prediction": prediction},
    "kernel": {
        "vectors of images": lambda x, filters, seed: {
            "vectors": np.ascontiguousarray(kernel_columns(x, filters, Stream(seed, 16)).T)
        },
        "regression": regression,
    },
    "prequential": {
        "mixture": mixture_step,
        "steps": lambda scale, power, labels: {
            "T": [integer_root(scale ** power[1] * m ** power[0], power[1]) for m in labels]
        },
        "mean of members": mean_of_members,
        "initial weights": initial_weights,
        "encoded columns": lambda x: {"encoded": encoded(x)},
        "images over their root mean square": lambda x: {"images": pictures.standardised(x)},
        "grid": lambda grid, y, x: {
            "values": np.array([[warps._bilinear(grid, v, u) for u in x.tolist()] for v in y.tolist()])
        },
        "warp": warp,
        "whitening": whitened,
        "shifted views": lambda images, mirrored, key: {
            "y": augmentation.shifted(images, np.arange(len(images)), np.array(mirrored), 2, Stream(*key))
        },
        "cutmix": cutmix,
    },
    "reals": {
        "normal tail": each_of(normal_tail),
        "cells": cells,
        "mixture of reals": mixture_of_reals,
        "fixed parts": fixed_parts,
        "uniform": uniform_reals,
    },
    "subspace": {"coordinates": coordinates, "transform": transformed, "theta": theta},
    "switching": {"pools": pooled, "neighbours": neighbours, "retiring": mixture_step},
    "two_part": {"calibration": lambda scores, byte: {"frequencies": temperature.frequencies(scores, byte)}},
    "variational": {
        "deviations": lambda bytes: {"deviations": np.array([deviation_of(v) for v in bytes])},
        "weights": sampled_weights,
    },
}
