"""LeNet-5 and LeNet-300-100 (LeCun et al. 1998), and narrower ones for codes whose length grows with every weight.

formats/two_part.md, "Architectures"; formats/variational.md, "Networks".
"""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Rectify
from mdlcodec.nn.nodes.flatten import CHANNELS_FIRST, CHANNELS_LAST
from mdlcodec.nn.zoo.architecture import Architecture


def layered(convolutions: tuple[tuple[int, int], ...], linear: tuple[int, ...], *, rectified: bool) -> Graph:
    """Convolutions (channels, kernel), each followed by 2x2 max pooling and, where ``rectified``, ReLU; then linear
    layers of these widths with ReLU, and the last one.

    Names are conv1, conv2, .., fc1, fc2, ... Maps are flattened channels first; inputs that enter a linear layer
    directly keep their own order (rows, columns, channels).
    """
    net = Builder()
    for number, (channels, kernel) in enumerate(convolutions, 1):
        net(Convolution(channels, kernel, digits=INPUT_DIGITS), name=f"conv{number}")
        net(MaxPooling())
        if rectified:
            net(Rectify())
    net(Flatten(CHANNELS_FIRST if convolutions else CHANNELS_LAST))
    for number, width in enumerate(linear, 1):
        net(Linear(width, digits=INPUT_DIGITS), name=f"fc{number}")
        net(Rectify())
    net(Linear(digits=INPUT_DIGITS), name=f"fc{len(linear) + 1}")
    return net.graph()


# as Caffe's: no ReLU after the convolutions; Zhou et al. 2018 prune and quantise this one
LENET5 = Architecture("lenet5", NetId.LENET5, layered(((20, 5), (50, 5)), (500,), rectified=False))
LENET_300_100 = Architecture("lenet-300-100", NetId.LENET_300_100, layered((), (300, 100), rectified=False))

# Blier & Ollivier 2018, section 3.3: small LeNets gave the shortest variational codelengths
NARROW_LENET = Architecture(
    "narrow-lenet", NetId.NARROW_LENET, layered(((8, 5), (16, 5)), (), rectified=True)
)
NARROW_CONVOLUTION = Architecture(
    "narrow-convolution", NetId.NARROW_CONVOLUTION, layered(((8, 3),), (), rectified=True)
)
NARROW_MLP = Architecture("narrow-mlp", NetId.NARROW_MLP, layered((), (32,), rectified=False))
