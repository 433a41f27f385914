"""Outputs of a network in float64 where every sum is added up in one stated order.

Two networks that differ in zeros alone then have equal outputs, to the last bit but for the signs of zeros.
No receiver needs these outputs; `mdlcodec.nn.exact_prediction` has those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.gelu import COEFFICIENTS, LIMIT
from mdlcodec.exact.normalisation import EPSILON
from mdlcodec.nn import nodes
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST
from mdlcodec.nn.weights import Weights, fitted
from mdlcodec.nn.zoo.architecture import Architecture

Step = Callable[..., np.ndarray]
"""A node, its tensors by their own names and its inputs, float64 (n, c, h, w) or (n, d) -> its value."""


def sequential_outputs(architecture: Architecture, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Outputs, float64 (n, k), of examples x (n, h, w, c) or (n, d); weights are taken as float64.

    Each sum of a layer begins with the bias (0 where there is none) and adds products by input unit, then row, then
    column; a mean begins with the first value and adds by row, then column. Normalisation is by running statistics.
    Raises BadData where the weights do not fit the inputs.
    """
    entering = architecture.inputs_of(x.shape[1:])
    graph, _ = fitted(architecture.graph, weights, entering)
    values = [x.astype(np.float64)]
    if len(entering) == 3:
        values = [values[0].transpose(0, 3, 1, 2)]
    last = [readers[-1] if readers else -1 for readers in graph.readers()]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite, the caller finds
        for number, (vertex, shapes) in enumerate(graph.entering(entering)):
            node = vertex.node
            own = {
                name: np.asarray(weights[f"{vertex.name}.{name}"], np.float64)
                for name in (*node.parameters(*shapes), *node.statistics(*shapes))
            }
            value = STEPS[type(node)](node, own, *(values[entered] for entered in vertex.inputs))
            values.append(np.ascontiguousarray(value))
            for entered in vertex.inputs:  # values that nothing reads any more are freed
                if last[entered] == number:
                    values[entered] = np.empty(0)
    return values[-1]


def _linear(node: nodes.Linear, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    bias = own.get("bias", np.zeros(len(own["weight"])))
    return _linear_sums(np.ascontiguousarray(x), np.ascontiguousarray(own["weight"].T), bias)


def _convolution(node: nodes.Convolution, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    around = (node.padding, node.padding)
    padded = np.pad(x, ((0, 0), (0, 0), around, around))
    factors = np.ascontiguousarray(own["weight"].transpose(1, 2, 3, 0))
    bias = own.get("bias", np.zeros(node.channels))
    sums: np.ndarray = _convolution_sums(np.ascontiguousarray(padded), factors, bias, node.stride)
    return sums.transpose(0, 3, 1, 2)


def _depthwise(node: nodes.DepthwiseConvolution, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    around = (node.padding, node.padding)
    windows = _windows(np.pad(x, ((0, 0), (0, 0), around, around)), node.kernel, node.stride)
    weights = own["weight"].reshape(len(own["weight"]), -1)  # (c, places of a window)
    total = np.zeros(windows[0].shape) + own.get("bias", np.zeros(len(weights)))[:, None, None]
    for place, window in enumerate(windows):
        total = total + window * weights[:, place, None, None]
    return total


def _windows(x: np.ndarray, kernel: int, stride: int) -> list[np.ndarray]:
    """For each place of a window, by row, then column, the values (n, c, h', w') that stand there."""
    height, width = ((side - kernel) // stride + 1 for side in x.shape[2:])
    return [
        x[:, :, row : row + stride * height : stride, column : column + stride * width : stride]
        for row in range(kernel)
        for column in range(kernel)
    ]


def _gelu(x: np.ndarray) -> np.ndarray:
    t = np.clip(x, -LIMIT, LIMIT)
    return x * (0.5 + t * np.polynomial.Polynomial(COEFFICIENTS)(t * t))


def _places(x: np.ndarray) -> list[np.ndarray]:
    """The values (n, c) of each place, by row, then column."""
    return list(x.reshape(*x.shape[:2], -1).transpose(2, 0, 1))


def _max_pooling(node: nodes.MaxPooling, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    maxima, *others = _places(x) if node.kernel is None else _windows(x, node.kernel, node.stride)
    for other in others:
        maxima = np.maximum(maxima, other)
    return maxima


def _average_pooling(node: nodes.AveragePooling, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    values = _places(x) if node.kernel is None else _windows(x, node.kernel, node.stride)
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total / len(values)


def _normalisation(node: nodes.Normalisation, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    ones = {"weight": np.ones(len(own["bias"]))}
    mean, gain, bias = (
        {**ones, **own}[name].reshape(-1, *[1] * (x.ndim - 2)) for name in ("running_mean", "weight", "bias")
    )
    spread = np.sqrt(own["running_var"] + EPSILON).reshape(mean.shape)
    return (x - mean) * (gain / spread) + bias


def _flatten(node: nodes.Flatten, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    if node.order == CHANNELS_LAST and x.ndim == 4:
        x = x.transpose(0, 2, 3, 1)
    return x.reshape(x.shape[0], -1)


def _fold(node: nodes.Fold, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:, :, row::2, column::2] for row in range(2) for column in range(2)], axis=1)


def _subsampling(node: nodes.Subsampling, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    around = (node.added, node.added)
    return np.pad(x[:, :, :: node.stride, :: node.stride], ((0, 0), around, (0, 0), (0, 0)))


def _rectify(node: nodes.Rectify, own: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.0)


STEPS: Mapping[type[Any], Step] = {
    nodes.Addition: lambda node, own, x, y: x + y,
    nodes.AveragePooling: _average_pooling,
    nodes.Convolution: _convolution,
    nodes.DepthwiseConvolution: _depthwise,
    nodes.Dropout: lambda node, own, x: x,
    nodes.Flatten: _flatten,
    nodes.Fold: _fold,
    nodes.Linear: _linear,
    nodes.MaxPooling: _max_pooling,
    nodes.Normalisation: _normalisation,
    nodes.Rectify: _rectify,
    nodes.Subsampling: _subsampling,
    nodes.Gelu: lambda node, own, x: _gelu(x),
    nodes.Tanh: lambda node, own, x: np.tanh(x),
}
"""For every node of `mdlcodec.nn.nodes`."""


@njit(cache=True)
def _linear_sums(x, weight, bias):
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
def _convolution_sums(x, weight, bias, stride):
    """x (n, in, h, w), weight (in, kernel, kernel, out), bias (out,) -> (n, h', w', out)."""
    channels, kernel, units = weight.shape[0], weight.shape[1], bias.shape[0]
    height, width = (x.shape[2] - kernel) // stride + 1, (x.shape[3] - kernel) // stride + 1
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
                            value = x[example, channel, row * stride + a, column * stride + b]
                            for unit in range(units):
                                sums[unit] += value * weight[channel, a, b, unit]
                for unit in range(units):
                    out[example, row, column, unit] = sums[unit]
    return out
