"""Exact predictions of the layered networks, which receivers repeat; `mdlcodec.sender.float_layered` has others.

`mdlcodec.nn.architectures` says what the networks are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.linear import Arithmetic, Convolution, Linear
from mdlcodec.nn.architectures import Layer, Layered, Shape, Weights, check_fit

# examples whose activations are in memory at once take about so many values
_VALUES_AT_ONCE = 1 << 23
_MOST_AT_ONCE = 1024


def as_float32(weights: Weights, maps: list[Shape]) -> Weights:
    """The weights as float32. A hidden layer without units gets one that is always 0: no sum changes."""
    found: Weights = []
    missing = False  # the layer before had none
    for i, ((weight, bias), places) in enumerate(zip(weights, maps, strict=True)):
        rows, columns, kernel = weight.shape[0], weight.shape[1], weight.shape[2:]
        if missing:
            columns = 1 if kernel else math.prod(places)
        missing = rows == 0 and i + 1 < len(weights)
        rows = 1 if missing else rows
        full, shift = np.zeros((rows, columns, *kernel), np.float32), np.zeros(rows, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then, the products find
            full[: weight.shape[0], : weight.shape[1]] = weight
            shift[: bias.shape[0]] = bias
        found.append((full, shift))
    return found


def _values_of_an_example(architecture: Layered, widths: Sequence[int], shape: Shape) -> int:
    """Values that an example's pass makes: the inputs, and every layer's outputs before pooling."""
    total = math.prod(shape)
    for layer, places, width in zip(architecture.layers, architecture.maps(shape), widths, strict=True):
        if layer.kind == "convolution":
            width *= math.prod(side - (layer.kernel or 1) + 1 for side in places)
        total += width
    return total


def outputs_memory(architecture: Layered, inputs: Shape, outputs: int, n: int) -> int:
    """Bytes that `exact_outputs` takes for n examples besides inputs and weights, estimated from above, if no
    layer is wider than nominal. Raises BadData for inputs that do not fit."""
    values = _values_of_an_example(
        architecture, (*architecture.widths, outputs), architecture.inputs_of(inputs)
    )
    parameters = architecture.parameters(inputs, outputs)
    # values, integers, scales and addresses of places, and patches of a convolution, a few times 16 MiB; the
    # weights as float32, integers and planes
    return 48 * max(values, min(_VALUES_AT_ONCE, n * values)) + 48 * parameters + (1 << 27)


def batches_of(architecture: Layered, weights: Weights, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Examples that are computed at once, in the shape in which they enter the first layer, float32."""
    shape = architecture.inputs_of(x.shape[1:])
    values = _values_of_an_example(architecture, [bias.shape[0] for _, bias in weights], shape)
    step = max(1, min(_MOST_AT_ONCE, _VALUES_AT_ONCE // values))
    for start in range(0, x.shape[0], step):
        rows = slice(start, min(start + step, x.shape[0]))
        yield rows, np.ascontiguousarray(x[rows], np.float32).reshape(-1, *shape)


def exact_outputs(
    architecture: Layered, weights: Weights, x: np.ndarray, arithmetic: Arithmetic | None = None
) -> np.ndarray:
    """Scores of every example, exact: float32 (n, h, w, c) or (n, d) -> float32 (n, k).

    The same bits whatever the engine, the device, the threads and the other examples (formats/two_part.md,
    "Prediction"). ``arithmetic``: the chosen one by default; its digits are the format's.
    Raises BadData where the weights do not fit the inputs, InexactComputation for values that are not finite.
    """
    outputs = weights[-1][1].shape[0]
    check_fit(architecture, weights, x.shape[1:], outputs)
    # two digits for weights and activations everywhere: nothing is trained here, and it costs little
    chosen = replace(chosen_arithmetic() if arithmetic is None else arithmetic, digits=INPUT_DIGITS)
    array = chosen.functions.array
    maps = architecture.maps(architecture.inputs_of(x.shape[1:]))
    ordered = [
        (array(_channels_last(layer, weight, places)), array(bias))
        for layer, places, (weight, bias) in zip(
            architecture.layers, maps, as_float32(weights, maps), strict=True
        )
    ]
    scores = np.empty((x.shape[0], outputs), np.float32)
    try:
        for rows, batch in batches_of(architecture, weights, x):
            scores[rows] = _exact_batch(architecture, ordered, batch, chosen)
    except InexactComputation as error:
        raise InexactComputation(
            "a value in the network is NaN or infinite; its labels cannot be coded with it"
        ) from error
    return scores


def _channels_last(layer: Layer, weight: np.ndarray, places: Shape) -> np.ndarray:
    """Weights in the order of an engine's operands, also of those that flattened maps meet."""
    if layer.kind == "convolution":
        return np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
    if places:
        split = weight.reshape(weight.shape[0], -1, *places)
        weight = split.transpose(0, 2, 3, 1).reshape(weight.shape)
    return np.ascontiguousarray(weight)


def _exact_batch(
    architecture: Layered, weights: list[tuple[Any, Any]], batch: np.ndarray, arithmetic: Arithmetic
) -> np.ndarray:
    functions = arithmetic.functions
    x = functions.array(batch)
    for layer, (weight, bias) in zip(architecture.layers, weights, strict=True):
        if layer.kind == "convolution":
            x = Convolution.forward(x, weight, bias, 0, arithmetic)[0]
        else:
            x = Linear.forward(x.reshape(len(batch), -1), weight, bias, arithmetic)[0]
        if layer.pool:
            x = functions.max_pool.forward(x)[0]
        if layer.relu:
            x = functions.rectify.forward(x)[0]
    return functions.read(x)
