"""Networks over sequences by name (formats/sequences.md): initial weights, scores, gradients."""

import math

import numpy as np

from decoder.layers import GELU
from decoder.sequences import Attention, Embedding, LayerNormalisation, Lstm, Places, Positions

SIZES = {"transformer-small": (64, 2, 2), "transformer-medium": (128, 3, 4), "transformer": (256, 4, 4)}
CELLS = {"lstm-small": (128, 1), "lstm": (256, 2)}
PLACES = 128


class Gelu(GELU):
    """GELU, without weights."""

    def initial(self, stream):
        """None."""
        return []

    def forward(self, x, weights):
        """Of each value."""
        return super().forward(x, (weights, []), True)


def stages(name):
    """Lists of nodes; what enters a list of a pair (nodes, True) is added to what it gives."""
    if name in CELLS:
        d, layers = CELLS[name]
        return [([Embedding(d), *(Lstm(d, d) for _ in range(layers)), Places(d, 256, 0.5)], False)]
    d, blocks, heads = SIZES[name]
    less = 1.0 / math.sqrt(2.0 * blocks)
    spread = math.sqrt(1.0 / d)
    out = [([Embedding(d, spread=spread), Positions(PLACES, d, 0.25 * spread)], False)]
    for _ in range(blocks):
        looks = [LayerNormalisation(d), Places(d, 3 * d, 1.0), Attention(heads), Places(d, d, less)]
        thinks = [LayerNormalisation(d), Places(d, 4 * d, 1.0), Gelu(), Places(4 * d, d, less)]
        out += [(looks, True), (thinks, True)]
    return [*out, ([LayerNormalisation(d), Places(d, 256, 0.5)], False)]


class SequenceNetwork:
    """A network and its weights, a list for each node."""

    def __init__(self, name, stream):
        self.stages = stages(name)
        self.weights = [node.initial(stream) for nodes, _ in self.stages for node in nodes]

    def scores(self, symbols):
        """Symbols (n, t) -> (n, t, 256)."""
        x, weights = symbols, iter(self.weights)
        for nodes, added in self.stages:
            y = x
            for node in nodes:
                y = node.forward(y, next(weights))
            x = x + y if added else y
        return x

    def gradients(self, g):
        """From the gradient of the scores: those of the weights, a list for each node."""
        out = []
        for nodes, added in reversed(self.stages):
            slope = g
            for node in reversed(nodes):
                slope, gradients = node.backward(slope)
                out.append(gradients)
            g = slope + g if added else slope
        return out[::-1]


def flat(arrays):
    """All of lists of arrays, one after another."""
    return np.concatenate([array.ravel() for one in arrays for array in one])
