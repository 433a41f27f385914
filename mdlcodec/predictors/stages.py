"""Whitened patches, then stages that begin as the identity (formats/prequential.md, "Large images in colour").

A narrow form of Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU".
"""

import numpy as np

from mdlcodec.exact.integers import DIGITS
from mdlcodec.nn.graph import Graph, sequence
from mdlcodec.nn.node import Node
from mdlcodec.nn.nodes import Convolution, Gelu, Linear, MaxPooling, Normalisation
from mdlcodec.predictors.whitening import Whitening

_STATISTICS_RATE = 0.2


def _half(channels: int, *pooling: Node) -> list[Node]:
    gain = float(np.sqrt(1.0 / 3.0))
    kernels = Convolution(channels, padding=1, bias=False, gain=gain, digits=DIGITS, identity=True)
    return [kernels, *pooling, Normalisation(rate=_STATISTICS_RATE, gain=False), Gelu()]


def stages(whitening: Whitening, widths: tuple[int, ...]) -> Graph:
    """The network with so many channels in each stage, for any number of outputs."""
    nodes: list[Node] = [whitening, Gelu()]
    for width in widths:
        nodes += [*_half(width, MaxPooling()), *_half(width)]
    # scores of size 1 / root of the width
    output = Linear(gain=float(np.sqrt(1.0 / widths[-1])), digits=DIGITS, bias=False)
    return sequence(*nodes, MaxPooling(kernel=None), output)
