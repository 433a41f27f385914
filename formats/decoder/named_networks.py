"""Networks by name that learn from the labels before (formats/prequential.md, "Networks by name")."""

import math

import numpy as np

from decoder.cnn import normalised
from decoder.colour_images import shifted
from decoder.frame import Damaged
from decoder.graphs import network
from decoder.layers import BatchNormalisation, Convolution, Flatten, FullyConnected, Plain, ReLU
from decoder.pooling import Maximum
from decoder.training import Member, NetworkPredictor

STEPS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 12, 8: 16, 9: 24}
NUMBERS = (4, 5, 6, 7, 8, 12, 15, 16, 17, 18)
RECIPE = {
    "batch": 32,
    "base": 2,
    "rate": 3e-4,
    "rate_steps": 1e9,
    "decay": 0.0,
    "b2": 0.999,
    "horizon": 10,
    "smoothing": 0.0,
}


class ChannelsFirst(Plain):
    """flatten(chw)."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.shape = x.shape
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(len(x), -1)

    def backward(self, g):
        """The gradient of the input."""
        n, h, w, c = self.shape
        return np.ascontiguousarray(g.reshape(n, c, h, w).transpose(0, 2, 3, 1)), []


def layers_of(number, shape, k):
    """Layers for examples of a shape, (h, w, c) or (d,)."""
    vertices, layers, first = network(number), [], True
    for place, vertex in enumerate(vertices):
        if vertex.node == "convolution":
            if len(shape) != 3:
                raise Damaged("its network does not fit these inputs")
            layer = Convolution(shape[2], vertex.width, math.sqrt(2.0), first, vertex.kernel, vertex.padding)
            layer.digits, first = 2, False
            rows, columns = (side + 2 * vertex.padding - vertex.kernel + 1 for side in shape[:2])
            shape = (rows, columns, vertex.width)
        elif vertex.node == "linear":
            last = place + 1 == len(vertices)
            width = k if last else vertex.width
            layer = FullyConnected(shape[0], width, 0.0 if last else math.sqrt(2.0), first)
            layer.digits, first, shape = 2, False, (width,)
        elif vertex.node == "normalisation":
            layer = BatchNormalisation(shape[-1])
        elif vertex.node == "relu":
            layer = ReLU()
        elif vertex.node == "max":
            layer, shape = Maximum(), (shape[0] // 2, shape[1] // 2, shape[2])
        else:
            layer = ChannelsFirst() if vertex.order == "chw" and len(shape) == 3 else Flatten()
            shape = (math.prod(shape),)
        layers.append(layer)
    return layers


def mirrored_and_shifted(most):
    """What vggb's images go through in training."""

    def augmented(images, stream):
        mirrored = [word >= 1 << 63 for word in stream.words(len(images))]
        down, right = ([v - most for v in stream.below(2 * most + 1, len(images))] for _ in range(2))
        return shifted(images, down, right, mirrored)

    return augmented


def named(number):
    """What makes the predictor of that number."""

    def made(features, k, preset, seed):
        x = normalised(features) if features.ndim == 4 else features
        augmented = mirrored_and_shifted(min(x.shape[1:3]) // 5) if number == 18 else None
        member = Member(layers_of(number, x.shape[1:], k), seed, 0, RECIPE, augmented)
        return NetworkPredictor(x, k, [member], [(STEPS[preset], 3, 4)], [[0]])

    return made
