"""How much work a network takes, in operations (`mdlcodec.limits`), known from its graph and the inputs' shape."""

from __future__ import annotations

from mdlcodec.nn.graph import Graph
from mdlcodec.nn.node import Shape

# operations that take as long as ...
_VALUE = 50  # computing a value besides its product, in a forward pass: its integers, its bias, what follows
_TRAINED_VALUE = 300  # the same with its gradient
_PARAMETER = 240  # moving a weight: its gradient, moments and average, and its integers
_VERTEX = 1_400_000  # calling a node, forward or backward


def prediction_work(graph: Graph, inputs: Shape, examples: int, at_once: int = 512) -> int:
    """Operations for predicting ``examples`` of shape ``inputs``, (c, h, w) or (d,), so many ``at_once``.

    Raises BadData for inputs that do not fit.
    """
    batches = -(-examples // at_once)
    each = graph.operations(inputs) + _VALUE * graph.values(inputs)
    return examples * each + batches * (_VERTEX * len(graph.vertices) + _VALUE * graph.size(inputs))


def step_work(graph: Graph, inputs: Shape, batch: int) -> int:
    """Operations for one step of training on so many examples of that shape.

    Raises BadData for inputs that do not fit.
    """
    each = 3 * graph.operations(inputs) + _TRAINED_VALUE * graph.values(inputs)
    return batch * each + _PARAMETER * graph.size(inputs) + 2 * _VERTEX * len(graph.vertices)
