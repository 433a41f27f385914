"""Networks over sequences by name (formats/sequences.md): initial weights, scores, gradients."""

import math

import numpy as np

from decoder.frame import Damaged
from decoder.layers import GELU
from decoder.random_numbers import Stream
from decoder.sequences import Attention, Embedding, LayerNormalisation, Lstm, Places, Rotation

SIZES = {"transformer-small": (64, 2, 2), "transformer-medium": (128, 3, 4), "transformer": (256, 4, 4)}
CELLS = {"lstm-small": (128, 1), "lstm": (256, 2)}
WINDOW = 128


class Gelu(GELU):
    """GELU, without weights."""

    def initial(self, stream):
        """None."""
        return []

    def forward(self, x, weights):
        """Of each value."""
        return super().forward(x, (weights, []), True)


def stages(name, widths=()):
    """Lists of nodes; what enters a list of a pair (nodes, True) is added to what it gives. ``widths``: of fc1.b,
    where they are not nominal."""
    if name in CELLS:
        d, layers = CELLS[name]
        return [([Embedding(d), *(Lstm(d, d) for _ in range(layers)), Places(d, 256, 0.5)], False)]
    d, blocks, heads = SIZES[name]
    less = 1.0 / math.sqrt(2.0 * blocks)
    spread = math.sqrt(1.0 / d)
    out = [([Embedding(d, spread=spread)], False)]
    for hidden in widths or [4 * d] * blocks:
        looks = [
            LayerNormalisation(d),
            Places(d, 3 * d, 1.0),
            Rotation(heads),
            Attention(heads, WINDOW),
            Places(d, d, less),
        ]
        thinks = [LayerNormalisation(d), Places(d, hidden, 1.0), Gelu(), Places(hidden, d, less)]
        out += [(looks, True), (thinks, True)]
    return [*out, ([LayerNormalisation(d), Places(d, 256, 0.5)], False)]


def full(tensor):
    """The same with a unit that is always 0 where a layer has none."""
    return np.zeros([max(1, size) for size in tensor.shape], np.float32) if 0 in tensor.shape else tensor


class SequenceNetwork:
    """A network and its weights, a list for each node."""

    def __init__(self, name, stream):
        self.stages = stages(name)
        self.weights = [node.initial(stream) for nodes, _ in self.stages for node in nodes]

    @classmethod
    def given(cls, name, tensors):
        """Of such tensors, in their order. Raises Damaged for those of another network."""
        # the embedding, then twelve of each block, the ninth of which is the weight of fc1
        at = [] if name in CELLS else [1 + 12 * b + 8 for b in range(SIZES[name][1])]
        if any(i >= len(tensors) or tensors[i].ndim != 2 for i in at):
            raise Damaged("number of tensors or axes")
        widths = [len(tensors[i]) for i in at]
        made, left = cls.__new__(cls), list(tensors)
        made.stages, made.weights = stages(name, widths), []
        nodes = [node for of, _ in made.stages for node in of]
        shapes = [[w.shape for w in node.initial(Stream(0, 1))] for node in nodes]
        nominal = [[w.shape for w in node.initial(Stream(0, 1))] for of, _ in stages(name) for node in of]
        if [t.shape for t in tensors] != [shape for own in shapes for shape in own]:
            raise Damaged("shape")
        if any(
            own > most for a, b in zip(shapes, nominal, strict=True) for own, most in zip(a, b, strict=True)
        ):
            raise Damaged("width")
        for own in shapes:
            made.weights.append([full(left.pop(0)) for _ in own])
        return made

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
