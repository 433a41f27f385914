"""Outputs of a layered network in float64 where every sum is added up in one stated order.

Two networks that differ in zeros alone then have equal outputs, to the last bit but for the signs of zeros.
No receiver needs these outputs; `mdlcodec.nn.layered` has those.
"""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.nn.architectures import Layered, Weights, check_fit


def sequential_outputs(architecture: Layered, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Outputs, float64 (n, k), of examples x (n, h, w, c) or (n, d); weights: float64, from `weights_of`.

    Each sum begins with the bias and adds products by input unit, then row, then column.
    Raises BadData where the weights do not fit the inputs.
    """
    outputs = weights[-1][1].shape[0]
    check_fit(architecture, weights, x.shape[1:], outputs)
    shape = architecture.inputs_of(x.shape[1:])
    values = x.reshape(-1, *shape).astype(np.float64)
    if architecture.needs_images:
        values = values.transpose(0, 3, 1, 2)
    for layer, (weight, bias) in zip(architecture.layers, weights, strict=True):
        if layer.kind == "convolution":
            factors = np.ascontiguousarray(weight.transpose(1, 2, 3, 0))
            values = _convolution(np.ascontiguousarray(values), factors, bias).transpose(0, 3, 1, 2)
        else:
            rows = np.ascontiguousarray(values.reshape(values.shape[0], -1))
            values = _linear(rows, np.ascontiguousarray(weight.T), bias)
        if layer.pool:
            n, c, h, w = values.shape
            pairs = values[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
            values = pairs.max(axis=(3, 5))
        if layer.relu:
            values = np.where(values > 0, values, 0.0)
    return values


@njit(cache=True)
def _linear(x, weight, bias):
    """x (n, in), weight (in, out), bias (out,) -> (n, out)."""
    out = np.empty((x.shape[0], bias.shape[0]))
    for example in range(x.shape[0]):
        for unit in range(bias.shape[0]):
            out[example, unit] = bias[unit]
        for i in range(x.shape[1]):
            value = x[example, i]
            for unit in range(bias.shape[0]):
                out[example, unit] += value * weight[i, unit]
    return out


@njit(cache=True)
def _convolution(x, weight, bias):
    """x (n, in, h, w), weight (in, kernel, kernel, out), bias (out,) -> (n, h', w', out)."""
    channels, kernel, units = weight.shape[0], weight.shape[1], bias.shape[0]
    height, width = x.shape[2] - kernel + 1, x.shape[3] - kernel + 1
    out = np.empty((x.shape[0], height, width, units))
    sums = np.empty(units)
    for example in range(x.shape[0]):
        for row in range(height):
            for column in range(width):
                for unit in range(units):
                    sums[unit] = bias[unit]
                for channel in range(channels):
                    for a in range(kernel):
                        for b in range(kernel):
                            value = x[example, channel, row + a, column + b]
                            for unit in range(units):
                                sums[unit] += value * weight[channel, a, b, unit]
                for unit in range(units):
                    out[example, row, column, unit] = sums[unit]
    return out
