"""Networks of a plane: layers of stated widths with one activation, or a network of the zoo by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.errors import BadData
from mdlcodec.exact.elementary import normal_quantile
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.random import Stream
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.node import Node, Shape
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, Rectify, Tanh
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST
from mdlcodec.nn.zoo import architecture_named

MOST_UNITS = 1 << 14  # of a layer
ACTIVATIONS: Mapping[str, Callable[[], Node]] = {"tanh": Tanh, "relu": Rectify}
OUTPUT = "output"
"""Of the softmax of the last layer's scores."""
_WIDTHS = re.compile("[1-9][0-9]{0,8}(-[1-9][0-9]{0,8}){0,31}")
# Phi(-2), where a normal is cut off
_TAIL = 0.022750131948179195


@njit(cache=True)
def _truncated(words: np.ndarray, out: np.ndarray) -> None:
    for i in range(words.size):
        uniform = (np.float64(words[i] >> np.uint64(12)) + 0.5) * 2.220446049250313e-16
        out[i] = np.float32(normal_quantile(_TAIL + uniform * (1.0 - 2.0 * _TAIL)))


@dataclass(frozen=True)
class TruncatedLinear(Linear):
    """A linear layer whose weights start as normals of deviation 1 / sqrt(d) that are not beyond two
    deviations."""

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class; biases at 0."""
        (width,), (size,) = self.outputs(*inputs), inputs[0]
        out = np.empty(width * size, np.float32)
        _truncated(stream.words(out.size), out)
        out *= np.float32(np.sqrt(1.0 / size))
        return [out.reshape(width, size), np.zeros(width, np.float32)]


def graph_named(net: str, activation: str, k: int) -> Graph:
    """``net``: widths of hidden layers with - between, or a name of the zoo, whose activations are its own.

    Raises BadData for what does not exist, and for layers of more than `MOST_UNITS`.
    """
    if activation not in ACTIVATIONS:
        raise BadData(f"no activation {activation!r}; choose one of {', '.join(ACTIVATIONS)}")
    if not _WIDTHS.fullmatch(net):
        return architecture_named(net).graph.for_outputs(k)
    builder = Builder()
    builder(Flatten(CHANNELS_LAST))
    for number, width in enumerate(map(int, net.split("-")), 1):
        check_units(f"layer {number} of --net", width)
        builder(TruncatedLinear(width, digits=INPUT_DIGITS), name=f"fc{number}")
        builder(ACTIVATIONS[activation](), name=f"layer{number}")
    builder(TruncatedLinear(digits=INPUT_DIGITS), name=f"fc{number + 1}")
    return builder.graph().for_outputs(k)


def check_units(what: str, units: int) -> None:
    """Raise BadData where so many are no layer's."""
    if not 1 <= units <= MOST_UNITS:
        raise BadData(f"{what} has {units:,} units; 1 to {MOST_UNITS:,} can be looked at")


def representations(graph: Graph) -> list[str]:
    """Names of the layers that are looked at: what activations give, in their order, and `OUTPUT`."""
    return [v.name for v in graph.vertices if isinstance(v.node, Rectify | Tanh)] + [OUTPUT]


def weighted(graph: Graph) -> list[str]:
    """Names of the linear layers and convolutions, in their order."""
    return [v.name for v in graph.vertices if isinstance(v.node, Linear | Convolution)]
