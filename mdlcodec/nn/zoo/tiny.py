"""The small networks for CIFAR-10 of Blier & Ollivier 2018 (figure 2; formats/graphs.md, "Networks by name").

They have the layers of the authors' program but for dropout.
"""

from __future__ import annotations

from mdlcodec.container.ids import NetId
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import Convolution, Flatten, Linear, MaxPooling, Rectify
from mdlcodec.nn.zoo.architecture import Architecture
from mdlcodec.nn.zoo.mlp import mlp

_CHANNELS, _HIDDEN = 32, 256


def tiny() -> Graph:
    """Four convolutions, with 2x2 max pooling after the second and the fourth, and three linear layers.

    Names are conv1, .., conv4, fc1, fc2, fc3.
    """
    net = Builder()
    for number in range(1, 5):
        net(Convolution(_CHANNELS, padding=1, digits=INPUT_DIGITS), name=f"conv{number}")
        net(Rectify())
        if number % 2 == 0:
            net(MaxPooling())
    net(Flatten())
    for number in (1, 2):
        net(Linear(_HIDDEN, digits=INPUT_DIGITS), name=f"fc{number}")
        net(Rectify())
    net(Linear(digits=INPUT_DIGITS), name="fc3")
    return net.graph()


SHALLOW = Architecture("shallow", NetId.SHALLOW, mlp((5000,)))
TINY_CNN = Architecture("tiny-cnn", NetId.TINY_CNN, tiny())
