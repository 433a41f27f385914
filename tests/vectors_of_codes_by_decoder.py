"""What formats/decoder/ computes from the inputs of the vectors of codes and predictors."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from vectors import each_of

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder import cnn, colour_images, elementary, graphs, kernel, mlp, real_mixture, subspace, training
from decoder.blocks import mean_logarithms, softmaxes
from decoder.frame import Reader
from decoder.grid import read_grid
from decoder.layers import fan_normals
from decoder.mixture import Mixture
from decoder.portfolio import mean_probabilities, pools
from decoder.random_numbers import Stream
from decoder.range_coder import frequencies
from decoder.switching import Neighbours
from decoder.two_part import calibrated
from decoder.variational import deviation, flat_weights
from decoder.warps import Warp

f32 = np.float32


def mixture_step(scores, labels, kept=None):
    k, mixed, rows = scores.shape[2], Mixture(scores.shape[2], scores.shape[1]), []
    for row, y in zip(scores, labels, strict=True):
        rows.append(frequencies(mixed.probabilities(row).tolist()))
        mixed.update(y)
    out = {"frequencies": np.array(rows, np.uint32).reshape(-1, k), "weights": mixed.weights}
    if kept is not None:
        sets = scores.shape[1]
        mixed.keep([10 * s + b for s in kept for b in range(10)] + [10 * sets, 10 * sets + 1])
        out |= {"prior after": mixed.prior, "weights after": mixed.weights}
    return out


def shifted_views(images, mirrored, key):
    stream = Stream(*key)
    down, right = ([v - 2 for v in stream.below(5, len(images))] for _ in range(2))
    return {"y": colour_images.shifted(images, down, right, mirrored)}


def cutmix(images, key):
    x, others, share = colour_images.cutmix(images, Stream(*key))
    return {"y": x, "others": others, "share": np.array(share)}


def warp(images, key, limits, varied):
    rotation, scale, shear, shift = limits.tolist()
    return {"y": Warp((rotation, scale, scale, shear), shift, varied)(images, Stream(*key))}


def _upper(matrix):
    return matrix[np.triu_indices(len(matrix))]


def kernel_scores(x, labels, k, preset, seed):
    machine, out = kernel.Kernel(x, k, preset, seed), []
    for i, y in enumerate(labels):
        out.append(machine.predict(i, i + 1)[0])
        machine.learn(i, i + 1, [y])
    return {
        "distances": _upper(machine.d),
        "factor": _upper(machine.u[0]),
        "scores": np.stack(out),
        "losses": np.stack(machine.loss),
    }


def neighbours(x, labels, k):
    machine, out = Neighbours(kernel.Kernel(x, k, 1, 0).d, k), []
    for i, y in enumerate(labels):
        out.append(machine.predict(i, i + 1)[0])
        machine.learn(i, i + 1, [y])
    return {"scores": np.stack(out)}


def pooled(scores, sizes):
    starts = np.cumsum([0, *sizes])
    means = [mean_probabilities(scores[a:b]) for a, b in pairwise(starts)]
    return {"scores": np.stack(pools(means))}


def theta(shapes, q, step, seed):
    tensors = subspace.weights_of([tuple(s) for s in shapes], q.tolist(), step, seed)
    return {"theta": np.concatenate([t.ravel() for t in tensors])}


def prediction(network, shape, tensors, x):
    vertices = graphs.network(*network[:1], tuple(network[1:]) or None)
    inputs = tuple(shape)
    assert [t.shape for t in tensors] == graphs.tensor_shapes(vertices, inputs, len(tensors[-1]))
    rows = x.reshape(-1, *inputs)
    return {"scores": np.stack([graphs.scores_of(vertices, tensors, row) for row in rows])}


def _grid(section, dtype):
    return read_grid(Reader(section), np.dtype(dtype), False)


def cells(grid, dtype, indices):
    read = _grid(grid, dtype)
    bounds = [read.bound(i) for i in indices]
    return {
        "values": read.values(indices),
        "bounds": np.array(bounds),
        "standardised": np.array([read.standardised(b) for b in bounds]),
        "learned": np.array([read.learned(i) for i in indices]),
    }


def mixture_of_reals(grid, dtype, scores, indices):
    coder = real_mixture.IndexCoder(_grid(grid, dtype), indices=indices)
    mixed = real_mixture.RealMixture(scores.shape[1], coder)
    targets = [mixed.code(row)[1] for row in scores]
    return {
        "payload": coder.encoder.bytes(),
        "learned": np.array(targets),
        "weights": np.array(mixed.weights),
        "spreads": np.array(mixed.spread),
        "without inputs": np.array([mixed.sum, mixed.number]),
    }


def fixed_parts(grid, dtype, means, deviation, heavy, uniform, payload):
    numbers = (means.tolist(), float(deviation), float(heavy), float(uniform))
    return {"indices": real_mixture.decode_fixed(_grid(grid, dtype), *numbers, payload)}


def uniform_reals(grid, dtype, n, payload):
    return {"indices": real_mixture.decode_uniform_reals(_grid(grid, dtype), n, payload)}


CHECKS = {
    "graphs": {"prediction": prediction},
    "kernel": {
        "vectors of images": lambda x, filters, seed: {"vectors": kernel.vectors(x, filters, seed)},
        "regression": kernel_scores,
    },
    "prequential": {
        "mixture": mixture_step,
        "steps": lambda scale, power, labels: {
            "T": [training.integer_root(scale ** power[1] * m ** power[0], power[1]) for m in labels]
        },
        "mean of members": lambda scores: {"scores": mean_logarithms([softmaxes(s) for s in scores])},
        "initial weights": lambda key, shape, gain: {
            "weights": fan_normals(Stream(*key), tuple(shape), float(gain))
        },
        "encoded columns": lambda x: {"encoded": mlp.encoded(x)},
        "images over their root mean square": lambda x: {"images": cnn.normalised(x)},
        "grid": lambda grid, y, x: {"values": Warp.grid(grid[None].astype(np.float64), y, x)[0]},
        "warp": warp,
        "whitening": lambda images: dict(
            zip(("filters", "biases"), colour_images.whitening(images), strict=True)
        ),
        "shifted views": shifted_views,
        "cutmix": cutmix,
    },
    "reals": {
        "normal tail": each_of(elementary.normal_tail),
        "cells": cells,
        "mixture of reals": mixture_of_reals,
        "fixed parts": fixed_parts,
        "uniform": uniform_reals,
    },
    "subspace": {
        "coordinates": lambda coordinates, d: {"q": np.array(subspace.coordinates(coordinates, d))},
        "transform": lambda v: {"t": subspace.transform(v)},
        "theta": theta,
    },
    "switching": {"pools": pooled, "neighbours": neighbours, "retiring": mixture_step},
    "two_part": {
        "calibration": lambda scores, byte: {
            "frequencies": np.array([frequencies(calibrated(row, byte)) for row in scores], np.uint32)
        },
    },
    "variational": {
        "deviations": lambda bytes: {"deviations": np.array([deviation(v) for v in bytes], f32)},
        "weights": lambda sizes, deviations, indices, bits, seed: {
            "weights": flat_weights(sizes, deviations.tolist(), indices, bits, seed)
        },
    },
}
