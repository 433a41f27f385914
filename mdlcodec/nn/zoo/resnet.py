"""Residual networks for CIFAR (He et al. 2016, section 4.2): shortcuts by subsampling and zero channels."""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph, Value
from mdlcodec.nn.nodes import (
    Addition,
    AveragePooling,
    Convolution,
    Linear,
    Normalisation,
    Rectify,
    Subsampling,
)
from mdlcodec.nn.zoo.architecture import Architecture

_WIDTHS = (16, 32, 64)


def residual(blocks: int) -> Graph:
    """3 stages of so many blocks of two convolutions: 6 * blocks + 2 layers.

    Names are those of the usual PyTorch code: conv1, bn1, layer1.0.conv1, layer1.0.bn1, .., linear.
    """
    net = Builder()

    def convolution(channels: int, stride: int, before: str, number: int) -> Value:
        node = Convolution(channels, 3, stride, padding=1, bias=False, digits=INPUT_DIGITS)
        net(node, name=f"{before}conv{number}")
        return net(Normalisation(), name=f"{before}bn{number}")

    convolution(_WIDTHS[0], 1, "", 1)
    entering = net(Rectify())
    for stage, width in enumerate(_WIDTHS, 1):
        for block in range(blocks):
            before, narrows = f"layer{stage}.{block}.", stage > 1 and block == 0
            shortcut = entering
            if narrows:
                shortcut = net(Subsampling((width - _WIDTHS[stage - 2]) // 2), (entering,))
            node = Convolution(width, 3, 2 if narrows else 1, padding=1, bias=False, digits=INPUT_DIGITS)
            net(node, (entering,), name=f"{before}conv1")
            net(Normalisation(), name=f"{before}bn1")
            net(Rectify())
            convolved = convolution(width, 1, before, 2)
            net(Addition(), (convolved, shortcut))
            entering = net(Rectify())
    net(AveragePooling())
    net(Linear(digits=INPUT_DIGITS), name="linear")
    return net.graph()


RESNET20 = Architecture("resnet20", NetId.RESNET20, residual(3))
RESNET32 = Architecture("resnet32", NetId.RESNET32, residual(5))
RESNET56 = Architecture("resnet56", NetId.RESNET56, residual(9))
