"""What a network's outputs are judged by in training that both sides repeat (formats/arithmetic.md, section 6)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.loss import SquaredError

Loss = Callable[[Arithmetic, Any, np.ndarray, float], tuple[float, Any, Any]]
"""From outputs, an array of the functions' kind, targets (N,) and smoothing: the loss of a batch, the gradient of
its outputs, and the probabilities of its classes, float64 (N,), or None."""


def cross_entropy(
    arithmetic: Arithmetic,
    outputs: Any,
    targets: np.ndarray,
    smoothing: float,
    seconds: np.ndarray | None = None,
    share: float = 0.0,
) -> tuple[float, Any, np.ndarray]:
    """In nats a label: outputs float32 (N, k), targets integers (N,); smoothing in [0, 1). ``seconds``: integers
    (N,), classes that have ``share`` of the targets."""
    function = arithmetic.functions.cross_entropy
    loss, saved = function.forward(outputs, targets, smoothing, arithmetic.reduction, seconds, share)
    (g,) = function.backward(saved)
    return loss, g, saved[1]


def squared_error(
    arithmetic: Arithmetic, outputs: Any, targets: np.ndarray, smoothing: float
) -> tuple[float, Any, None]:
    """Half the mean square: outputs float32 (N, 1), targets float64 (N,); computed on the CPU."""
    functions = arithmetic.functions
    loss, saved = SquaredError.forward(functions.read(outputs), targets)
    return loss, functions.array(saved[0]), None


def cross_entropy_at_places(
    arithmetic: Arithmetic, outputs: Any, targets: np.ndarray, smoothing: float
) -> tuple[float, Any, np.ndarray]:
    """`cross_entropy` of sequences, each place an example: outputs float32 (N, T, k), targets integers (N, T)."""
    shape = tuple(outputs.shape)
    loss, g, true = cross_entropy(arithmetic, outputs.reshape(-1, shape[-1]), targets.reshape(-1), smoothing)
    return loss, g.reshape(shape), true
