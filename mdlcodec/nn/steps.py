"""Networks over sequences, place by place: what was seen is kept, and the scores are those of all places together.

    steps = Steps(graph, places, views, arithmetic)
    state = steps.begin(streams)              # nothing seen
    scores = steps.resume(state, symbols)     # (S, L) at once: the scores after the last of them
    scores = steps.step(state, symbols)       # (S,): the scores after this one

The bits are those that the network has when it is given the whole sequence (formats/sequences.md, "Place by
place"), whatever the engine, the threads, the other streams, and whichever of `resume` and `step` saw what came
before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.linear import Arithmetic
from mdlcodec.nn.graph import Graph, Vertex
from mdlcodec.nn.node import Pass
from mdlcodec.nn.nodes import Attention, Positions


@dataclass
class State:
    """What the vertices keep of S streams, and how many places they have seen."""

    kept: list[Any]
    streams: int
    places: int = 0


class Steps:
    """A network over symbols (t,), its weights laid out once."""

    def __init__(
        self, graph: Graph, places: int, views: Sequence[tuple[list[Any], Any]], arithmetic: Arithmetic
    ) -> None:
        """``places``: of the longest sequences, where a node limits them; ``views``: each vertex' weights and
        running statistics, as engines hold them (`mdlcodec.nn.exact_training.Network.views`). Raises BadData for a
        graph that does not fit."""
        self._graph, self._views = graph, views
        self._places = None if _is_unbounded(graph) else places
        self._shapes = [shapes for _, shapes in graph.entering((places,))]
        self._run = Pass(arithmetic, training=False)
        self._last = [readers[-1] if readers else -1 for readers in graph.readers()]

    def begin(self, streams: int) -> State:
        """Of so many streams, none of which has seen a symbol."""
        vertices = zip(self._graph.vertices, self._views, self._shapes, strict=True)
        kept = [vertex.node.begin(self._run, own, streams, *shapes) for vertex, (own, _), shapes in vertices]
        return State(kept, streams)

    def step(self, state: State, symbols: np.ndarray) -> np.ndarray:
        """One more symbol of each stream, integers (S,) -> scores of the next, float32 (S, outputs).

        Raises ValueError for more places than the network has, InexactComputation for values that are not finite.
        """
        self._check(state, symbols, 1)
        values: list[Any] = [symbols[:, None]]
        for number, vertex in enumerate(self._graph.vertices):
            entering = [values[value] for value in vertex.inputs]
            values.append(vertex.node.step(self._run, state.kept[number], *entering))
        state.places += 1
        return np.ascontiguousarray(values[-1][:, 0])

    def resume(self, state: State, symbols: np.ndarray) -> np.ndarray:
        """The first L symbols of each stream at once, integers (S, L) -> as `step` after the last of them.

        Raises ValueError where symbols were seen before; else as `step`.
        """
        if state.places:
            raise ValueError("symbols are given at once only where none was seen before")
        self._check(state, symbols, symbols.shape[1])
        scores = None
        for number, vertex, entering, value, saved in self._forward(symbols):
            vertex.node.resume(state.kept[number], saved, *entering)
            scores = value
        state.places = symbols.shape[1]
        assert scores is not None
        return np.ascontiguousarray(scores[:, -1])

    def scores(self, symbols: np.ndarray) -> np.ndarray:
        """Of all places: integers (N, T) -> float32 (N, T, outputs), at each place those of the next symbol."""
        scores = None
        for _, _, _, scores, _ in self._forward(symbols):  # noqa: B007 (the last is what is wanted)
            pass
        assert scores is not None
        return scores

    def _forward(self, symbols: np.ndarray) -> Iterator[tuple[int, Vertex, list[Any], Any, Any]]:
        """Of each vertex: its number, itself, what enters it, its value, and what the value was computed from."""
        values: list[Any] = [symbols]
        for number, vertex in enumerate(self._graph.vertices):
            own, statistics = self._views[number]
            entering = [values[value] for value in vertex.inputs]
            value, saved = vertex.node.forward(self._run, own, statistics, *entering)
            values.append(value)
            yield number, vertex, entering, value, saved
            for read in vertex.inputs:  # values that nothing reads any more are freed
                if self._last[read] == number:
                    values[read] = None

    def _check(self, state: State, symbols: np.ndarray, more: int) -> None:
        if len(symbols) != state.streams:
            raise ValueError(f"{state.streams} streams were begun, and symbols of {len(symbols)} are given")
        if self._places is not None and state.places + more > self._places:
            raise ValueError(
                f"the network has {self._places} places, and {state.places + more} are asked for"
            )


def _is_unbounded(graph: Graph) -> bool:
    """Whether the network goes on for ever: no table of places, and every attention has a window."""
    nodes = [vertex.node for vertex in graph.vertices]
    looking = [node for node in nodes if isinstance(node, Attention)]
    return all(node.window for node in looking) and not any(isinstance(node, Positions) for node in nodes)
