"""VGG with 13 convolutions (Simonyan & Zisserman 2015) in its forms for CIFAR, with one hidden linear layer of 512.

``vgg16`` has batch normalisation and ReLU everywhere. ``vggb`` and ``vgga`` are those of Blier & Ollivier 2018
(figure 2), with the layers of the authors' program, of which vgga has no batch normalisation: their hidden linear
layer has no ReLU, and dropout is left out.
"""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Normalisation, Rectify
from mdlcodec.nn.zoo.architecture import Architecture

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HIDDEN = 512


def vgg(*, normalised: bool = True, rectified: bool = True, share: float = 1.0) -> Graph:
    """13 convolutions in five stages, each ended by 2x2 max pooling; then two linear layers.

    ``normalised``: with batch normalisation; ``rectified``: with ReLU after the first linear layer; ``share``:
    of all widths.

    Names are conv1, bn1, .., conv13, bn13, fc1, bn14, fc2.
    """
    net, number = Builder(), 0
    for stage in _STAGES:
        for channels in stage:
            number += 1
            net(Convolution(round(share * channels), padding=1, digits=INPUT_DIGITS), name=f"conv{number}")
            if normalised:
                net(Normalisation(), name=f"bn{number}")
            net(Rectify())
        net(MaxPooling())
    net(Flatten())
    net(Linear(round(share * _HIDDEN), digits=INPUT_DIGITS), name="fc1")
    if normalised:
        net(Normalisation(), name=f"bn{number + 1}")
    if rectified:
        net(Rectify())
    net(Linear(digits=INPUT_DIGITS), name="fc2")
    return net.graph()


VGG16 = Architecture("vgg16", NetId.VGG16, vgg())
VGGA = Architecture("vgga", NetId.VGGA, vgg(normalised=False, rectified=False))
VGGB = Architecture("vggb", NetId.VGGB, vgg(rectified=False))
