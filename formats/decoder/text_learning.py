"""The prequential code of a text by a network alone (formats/sequences.md, "Learning")."""

import numpy as np

from decoder.blocks import softmaxes
from decoder.random_numbers import Stream
from decoder.range_coder import Decoder, frequencies
from decoder.sequence_networks import SequenceNetwork
from decoder.text_streams import Streams
from decoder.training import Adam, cross_entropy_gradient

# network, streams, segment, window, replays, rate, warm, slower
BY_THREE = {
    "transformer": (
        ("transformer-small", 8, 16, 64, 8, 0.004, 20, 1000.0),
        ("transformer-small", 4, 16, 64, 12, 0.004, 20, 1000.0),
        ("transformer-medium", 4, 16, 64, 12, 0.002, 50, 1000.0),
    ),
    "lstm": (
        ("lstm", 16, 16, 32, 0, 0.004, 20, 1000.0),
        ("lstm", 8, 16, 32, 12, 0.004, 20, 1000.0),
        ("lstm", 4, 16, 32, 12, 0.004, 20, 1000.0),
    ),
}
RECIPES = {(net, p): rows[(p - 1) // 3] for net, rows in BY_THREE.items() for p in range(1, 10)}
MIXED = ("lstm-small", 1, 16, 32, 3, 0.003, 20, 16000.0)  # of mixing.md
LEAST = 512  # bytes of a stream


class Learner:
    """The network and what is known."""

    def __init__(self, recipe, n, seed):
        self.name, streams, self.segment, self.window, self.replays, self.rate, self.warm, self.slower = (
            recipe
        )
        self.network = SequenceNetwork(self.name, Stream(seed, 1))
        self.streams = Streams(n, streams, LEAST)
        self.known = self.streams.known
        self.adam, self.steps, self.drawn = Adam(0.99, 0.0), 0, Stream(seed, 2)
        self.moments = [[(np.zeros_like(w), np.zeros_like(w)) for w in ws] for ws in self.network.weights]

    def scores(self, first, place):
        """Of the byte at a place, of every stream."""
        return self.network.scores(self.known[:, first : place + 1])[:, -1]

    def learn(self, first, start, stop):
        """One step."""
        windows = self.known[:, first : stop + 1]
        if self.replays and stop - first == self.window and start >= self.window:
            choices = start - self.window + 1
            drawn = np.array(self.drawn.below(self.streams.count * choices, self.replays))
            rows, at = drawn // choices, drawn % choices
            replayed = [self.known[r, a : a + self.window + 1] for r, a in zip(rows, at, strict=True)]
            windows = np.concatenate((windows, replayed))
        scores = self.network.scores(windows[:, :-1])
        p = softmaxes(scores.reshape(-1, 256))
        g = cross_entropy_gradient(p, windows[:, 1:].ravel(), 0.0)
        gradients = self.network.gradients(g.reshape(scores.shape))
        rate = self.rate * min(1.0, (self.steps + 1) / self.warm) / (1.0 + self.steps / self.slower)
        tensors = [
            (w, *moments, slope)
            for ws, ms, slopes in zip(self.network.weights, self.moments, gradients, strict=True)
            for w, moments, slope in zip(ws, ms, slopes, strict=True)
        ]
        self.adam.step(rate, tensors)
        self.steps += 1


def decode_learned(payload, n, net, preset, seed):
    """The text of n bytes."""
    learner, coder = Learner(RECIPES[net, preset], n, seed), Decoder(payload)
    for start, stop in learner.streams.segments(learner.segment):
        first = max(0, stop - learner.window)
        for place in range(start, stop):
            here = learner.streams.here(place)
            for i, row in enumerate(softmaxes(learner.scores(first, place)[:here])):
                learner.known[i, place + 1] = coder.symbol(frequencies(row))
        learner.learn(first, start, stop)
    return learner.streams.text()
