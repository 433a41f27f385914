"""VGG16 in its form for CIFAR: batch normalisation, one hidden linear layer of 512 (Simonyan & Zisserman 2015)."""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.zoo.architecture import Architecture

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HIDDEN = 512


def vgg() -> Graph:
    """13 convolutions in five stages, each ended by 2x2 max pooling; then two linear layers.

    Names are conv1, bn1, .., conv13, bn13, fc1, bn14, fc2.
    """
    net, number = Builder(), 0
    for stage in _STAGES:
        for channels in stage:
            number += 1
            net(Convolution(channels, padding=1, digits=INPUT_DIGITS), name=f"conv{number}")
            net(Normalisation(), name=f"bn{number}")
            net(Rectify())
        net(MaxPooling())
    net(Flatten())
    net(Linear(_HIDDEN, digits=INPUT_DIGITS), name="fc1")
    net(Normalisation(), name=f"bn{number + 1}")
    net(Rectify())
    net(Linear(digits=INPUT_DIGITS), name="fc2")
    return net.graph()


VGG16 = Architecture("vgg16", NetId.VGG16, vgg())
