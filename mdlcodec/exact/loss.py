"""Softmax cross-entropy and squared error as exact functions (formats/arithmetic.md, section 6)."""

from typing import Any

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import exp, log
from mdlcodec.exact.function import Function
from mdlcodec.exact.reduction import ALONE, Reduction


@njit(cache=True)
def softmax_row(scores: np.ndarray, inverse_temperature: float, out: np.ndarray) -> float:
    """softmax(inverse_temperature * scores) of one row into ``out`` (k,), float64; returns log of the
    denominator plus the largest exponent. Exponentials are added in class order."""
    largest = np.float64(scores[0]) * inverse_temperature
    for c in range(1, scores.size):
        value = np.float64(scores[c]) * inverse_temperature
        if value > largest:
            largest = value
    total = 0.0
    for c in range(scores.size):
        out[c] = exp(np.float64(scores[c]) * inverse_temperature - largest)
        total += out[c]
    for c in range(scores.size):
        out[c] = out[c] / total
    return largest + log(total)


@njit(cache=True)
def _cross_entropy(scores, classes, smoothing, seconds, share, batch, gradient, true):
    examples, k = scores.shape
    row = np.empty(k, np.float64)
    all_classes, left = smoothing / np.float64(k), 1.0 - smoothing
    first, second = left * (1.0 - share), left * share
    total = 0.0
    for i in range(examples):
        normaliser = softmax_row(scores[i], 1.0, row)
        total += normaliser - np.float64(scores[i, classes[i]])
        true[i] = row[classes[i]]
        for c in range(k):
            target = all_classes + (first if c == classes[i] else 0.0)
            if share > 0.0 and c == seconds[i]:
                target += second
            gradient[i, c] = np.float32((row[c] - target) / np.float64(batch))
    return total / np.float64(batch)


class CrossEntropy(Function):
    """Mean over the batch of -ln softmax(scores)[class], in nats; the gradient's targets may be smoothed, and
    shared by the example's class and a second one."""

    @staticmethod
    def forward(
        scores: np.ndarray,
        classes: np.ndarray,
        smoothing: float,
        reduction: Reduction = ALONE,
        seconds: np.ndarray | None = None,
        share: float = 0.0,
    ) -> tuple[float, Any]:
        """scores float32 (N, k), classes integers (N,), smoothing in [0, 1) -> float64 scalar: of a batch that
        several processes share, the part of this one's examples. ``seconds``: integers (N,), classes that have
        ``share`` of the target; the loss is that of ``classes``."""
        gradient, true = np.empty_like(scores), np.empty(len(scores), np.float64)
        batch, others = reduction.examples(len(scores)), classes if seconds is None else seconds
        loss = _cross_entropy(scores, classes, smoothing, others, share, batch, gradient, true)
        return loss, (gradient, true)

    @staticmethod
    def backward(saved: Any, g: Any = 1.0, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The loss is the end of the graph: its own gradient is 1."""
        return (saved[0],)


@njit(cache=True)
def _squared_error(outputs, targets, gradient):
    examples = outputs.shape[0]
    total = 0.0
    for i in range(examples):
        difference = np.float64(outputs[i, 0]) - targets[i]
        total += difference * difference
        gradient[i, 0] = np.float32((2.0 * difference) / np.float64(examples))
    return total / np.float64(examples)


class SquaredError(Function):
    """Mean over the batch of (output - target)^2."""

    @staticmethod
    def forward(outputs: np.ndarray, targets: np.ndarray, smoothing: float = 0.0) -> tuple[float, Any]:
        """outputs float32 (N, 1), targets float64 (N,) -> float64 scalar; there is nothing to smooth."""
        gradient = np.empty_like(outputs)
        return _squared_error(outputs, targets, gradient), (gradient, None)

    @staticmethod
    def backward(saved: Any, g: Any = 1.0, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """The loss is the end of the graph: its own gradient is 1."""
        return (saved[0],)
