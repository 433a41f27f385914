"""A network over bytes that learns a text while it is coded (Bellard 2019; formats/sequences.md, "Learning").

The text is cut into streams that are read side by side. Of each, a segment at a time is predicted, place by place,
and then learned from, together with what came before it and with windows drawn from all that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.container.ids import Purpose
from mdlcodec.errors import BadData
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import Adam
from mdlcodec.exact.random import Stream
from mdlcodec.limits import Cost
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.losses import cross_entropy_at_places
from mdlcodec.nn.nodes import Attention
from mdlcodec.nn.steps import State, Steps
from mdlcodec.nn.work import prediction_work, step_work
from mdlcodec.nn.zoo.sequences import sequence_architecture_named
from mdlcodec.predictors.streams import Streams, streams_of

_LEAST_STREAM = 512  # bytes of a stream: shorter texts have fewer streams
_CALL = 150_000  # operations that take as long as calling a node for one place


@dataclass(frozen=True)
class Recipe:
    """How a text is learned."""

    network: str
    streams: int  # at most
    segment: int  # places that are predicted before they are learned from
    window: int  # places that a step sees of each stream, those of the segment last
    replays: int  # further windows a step, drawn from what is known
    rate: float  # of Adam, after ``warm`` steps; it falls as 1 / (1 + steps / slower)
    warm: int
    slower: float
    beta2: float = 0.99


# of version 1: presets 1 to 3, 4 to 6, 7 to 9 of each network
_BY_THREE = {
    "transformer": (
        Recipe("transformer-small", 8, 16, 64, 8, 0.004, 20, 1000.0),
        Recipe("transformer-small", 4, 16, 64, 12, 0.004, 20, 1000.0),
        Recipe("transformer-medium", 4, 16, 64, 12, 0.002, 50, 1000.0),
    ),
    "lstm": (
        Recipe("lstm", 16, 16, 32, 0, 0.004, 20, 1000.0),
        Recipe("lstm", 8, 16, 32, 12, 0.004, 20, 1000.0),
        Recipe("lstm", 4, 16, 32, 12, 0.004, 20, 1000.0),
    ),
}
RECIPES = {
    (net, preset): recipes[(preset - 1) // 3]  # integers
    for net, recipes in _BY_THREE.items()
    for preset in range(1, 10)
}


MIXED = Recipe("lstm-small", 1, 16, 32, 3, 0.003, 20, 16000.0)
"""Of cells whose predictions are mixed with those of contexts (formats/mixing.md, "A network's distribution")."""


class Learner:
    """The network, what is known of the text, and the order of both. Sender and receiver have one each."""

    def __init__(self, recipe: Recipe, n: int, seed: int = 0, arithmetic: Arithmetic | None = None) -> None:
        """For a text of ``n`` bytes, drawing from the streams of ``seed``."""
        architecture = sequence_architecture_named(recipe.network)
        self._recipe, self._graph = recipe, architecture.graph
        self._arithmetic = chosen_arithmetic() if arithmetic is None else arithmetic
        initial, noise = Stream(seed, Purpose.INITIAL), Stream(seed, Purpose.NOISE)
        self._network = Network(self._graph, (recipe.window,), self._arithmetic, initial, noise)
        self._rule, self._steps = Adam(self._network.vector, beta2=recipe.beta2), 0
        self._drawn = Stream(seed, Purpose.BATCHES)
        self.streams = Streams(n, recipe.streams, _LEAST_STREAM)

    def segments(self) -> list[tuple[int, int]]:
        """First and last + 1 place of each segment."""
        return self.streams.segments(self._recipe.segment)

    def first_seen(self, stop: int) -> int:
        """The first place of the window that ends at ``stop``."""
        return max(0, stop - self._recipe.window)

    def begin(self, start: int, stop: int) -> tuple[Steps, State]:
        """What predicts the segment place by place, and has seen what the window has before it."""
        views = self._network.views(self._network.vector)
        steps = Steps(self._graph, self._recipe.window, views, self._arithmetic)
        state, first = steps.begin(self.streams.count), self.first_seen(stop)
        if start > first:
            steps.resume(state, self.streams.known[:, first:start])
        return steps, state

    def learn(self, start: int, stop: int) -> np.ndarray:
        """One step on the window that ends with this segment, once it is known; returns the scores of its places,
        float32 (streams, stop - start, 256), that the network had before: those of `Steps`.

        Raises InexactComputation when training diverges.
        """
        first, scores = self.first_seen(stop), []
        windows = self.streams.known[:, first : stop + 1]
        if self._recipe.replays and stop - first == self._recipe.window and start >= self._recipe.window:
            windows = np.concatenate((windows, self._replayed(start)))

        def loss(arithmetic: Arithmetic, outputs: Any, targets: np.ndarray, smoothing: float) -> Any:
            scores.append(outputs[: self.streams.count, start - first :])
            return cross_entropy_at_places(arithmetic, outputs, targets, smoothing)

        before, after = np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])
        _, gradient, _ = self._network.gradient(before, after, 0.0, loss)
        recipe = self._recipe
        warm = min(1.0, (self._steps + 1) / recipe.warm)
        rate = recipe.rate * warm / (1.0 + self._steps / recipe.slower)
        self._rule.step(self._network.trained, gradient, rate, 0.0)
        self._steps += 1
        return np.ascontiguousarray(scores[0])

    def _replayed(self, start: int) -> np.ndarray:
        """Windows of all streams' first ``start`` places, uint8 (replays, window + 1)."""
        window, replays = self._recipe.window, self._recipe.replays
        choices = start - window + 1
        drawn = self._drawn.below(self.streams.count * choices, replays)
        rows, firsts = drawn // choices, drawn % choices
        return self.streams.known[rows[:, None], firsts[:, None] + np.arange(window + 1)]


def text_cost(recipe: Recipe, n: int) -> Cost:
    """What decoding a text of ``n`` bytes takes; encoding takes less."""
    graph = sequence_architecture_named(recipe.network).graph
    streams, window = streams_of(n, recipe.streams, _LEAST_STREAM), (recipe.window,)
    rows, longest = streams + recipe.replays, -(-n // streams)
    segments, vertices = -(-longest // recipe.segment), len(graph.vertices)
    each = step_work(graph, window, rows) + prediction_work(graph, window, streams)
    places = longest * vertices * _CALL + n * (graph.operations(window) // recipe.window)
    scores = sum(v.node.heads for v in graph.vertices if isinstance(v.node, Attention))  # integers
    values = rows * (graph.values(window) + scores * recipe.window * recipe.window)
    parameters = graph.size(window)
    memory = 48 * values + 64 * parameters + 4 * n + (1 << 27)
    return Cost(parameters, segments * each + places, memory)


def recipe_for(net: str, preset: int) -> Recipe:
    """The recipe of --net transformer or lstm, presets 1 to 9. Raises BadData for another."""
    if (net, preset) not in RECIPES:
        raise BadData(f"no recipe of --net {net} with preset {preset}")
    return RECIPES[net, preset]
