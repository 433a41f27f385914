"""MobileNet (Howard et al. 2017, Table 1) of half the widths, which Zhou et al. 2018, A.2, compress.

A convolution of each channel by itself, then one of one place that mixes the channels, thirteen times. As the
usual PyTorch code has it: padding of 1 on all sides, ReLU, no bias where normalisation follows.
"""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import (
    AveragePooling,
    Convolution,
    DepthwiseConvolution,
    Linear,
    Normalisation,
    Rectify,
)
from mdlcodec.nn.zoo.architecture import Architecture

_FIRST = 32
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Widths and strides."""


def mobilenet(share: float) -> Graph:
    """``share``: of all widths.

    Names are conv1, bn1, layers.0.conv1 (each channel by itself), layers.0.bn1, layers.0.conv2 (one place),
    layers.0.bn2, .., linear.
    """
    net = Builder()

    def normalised(name: str) -> None:
        net(Normalisation(), name=name)
        net(Rectify())

    first = round(share * _FIRST)
    net(Convolution(first, 3, 2, padding=1, bias=False, digits=INPUT_DIGITS), name="conv1")
    normalised("bn1")
    for number, (width, stride) in enumerate(_BLOCKS):
        before = f"layers.{number}."
        net(DepthwiseConvolution(3, stride, padding=1, bias=False), name=f"{before}conv1")
        normalised(f"{before}bn1")
        channels = round(share * width)
        net(Convolution(channels, 1, bias=False, digits=INPUT_DIGITS), name=f"{before}conv2")
        normalised(f"{before}bn2")
    net(AveragePooling())
    net(Linear(digits=INPUT_DIGITS), name="linear")
    return net.graph()


MOBILENET_HALF = Architecture("mobilenet-0.5", NetId.MOBILENET_0_5, mobilenet(0.5))
