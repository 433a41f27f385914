"""Predictors run side by side, each in blocks of its own, some for a number of examples only, and pooled.

What the switching code switches between (formats/switching.md): the score sets of every predictor that still
runs, and while P > 1 of them are to be pooled, P + 2 pools.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import override

from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.threads import Chain
from mdlcodec.mixing.pools import fill_pools
from mdlcodec.predictors.contract import Predictor
from mdlcodec.saved import Saved, joined, part_of

# entries of scores that a predictor holds for its block at once
_ENTRIES_AT_ONCE = 1 << 22
# no block is larger than this part of the labels, and so many: networks' blocks are a tenth of the labels before
_BLOCKS = 10
_CLASSES: np.dtype[Any] = np.dtype(np.int32)


@dataclass(frozen=True)
class Held:
    """A predictor of the first ``examples``; the pools are made of the last ``pooled`` of its score sets."""

    predictor: Predictor
    examples: int
    pooled: int


def portfolio_memory(n: int, k: int, sets: int) -> int:
    """Bytes of scores that a portfolio with so many score sets in all holds, over n examples."""
    block = n // _BLOCKS + _BLOCKS
    entries = sets * k * min(block, max(1, _ENTRIES_AT_ONCE // k))
    return 4 * 8 * entries  # held by the predictors, side by side, those that are pooled, and with the pools


class _Paced:
    """A predictor that is asked for any examples in order, and told of labels at the ends of its own blocks."""

    def __init__(self, entry: Held, k: int, labels: np.dtype[Any]) -> None:
        self.entry = entry
        self._at_once = max(1, _ENTRIES_AT_ONCE // (k * entry.predictor.sets))
        self._start = self._stop = self._end = 0  # the block's start, where its scores end, its end
        self._first = 0  # of the scores held
        self._scores = np.empty((0, entry.predictor.sets, k))
        self._labels = np.empty(entry.examples, labels)

    def scores_end(self, start: int) -> int:
        """Up to where scores are held, from ``start`` on; predicts if there are none."""
        predictor = self.entry.predictor
        if start == self._end:
            self._start, self._stop = start, start
            self._end = min(self.entry.examples, predictor.block_end(start))
        if start == self._stop:
            self._first, self._stop = start, min(self._end, start + self._at_once)
            self._scores = predictor.predict(self._first, self._stop)
        return self._stop

    def scores(self, start: int, stop: int) -> np.ndarray:
        """Scores of examples for which they are held."""
        return self._scores[start - self._first : stop - self._first]

    def lessons(self, start: int, stop: int, labels: np.ndarray) -> list[Chain]:
        """Labels of these examples; the predictor is told once its block is complete. See Predictor."""
        self._labels[start:stop] = labels
        if stop < self._end:
            return []
        return self.entry.predictor.lessons(self._start, stop, self._labels[self._start : stop])

    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        """See Predictor. Scores of the rest of the block are predicted anew: nothing was learned since it began."""
        predictor, position = self.entry.predictor, labels.size
        while self._end < position:
            self._start = self._end
            self._end = min(self.entry.examples, predictor.block_end(self._start))
        self._stop = position
        self._labels[:position] = labels
        predictor.restore(saved, labels if self._end == position else labels[: self._start])


class Portfolio(Predictor):
    """See the module. For examples in order: `retire`, `block_end`, `predict`, then `learn`.

    Score sets: those of every predictor that runs, in order; then, if several of them are to be pooled, the pools.
    """

    def __init__(self, entries: Sequence[Held], k: int, labels: np.dtype[Any] = _CLASSES) -> None:
        """The first predictor is for all examples; k: numbers in a score set; labels: their dtype."""
        self._arithmetic = chosen_arithmetic()
        self._running = [_Paced(entry, k, labels) for entry in entries]
        self._k = k

    @property
    def sets(self) -> int:  # type: ignore[override]  # it falls as predictors retire
        """Score sets now."""
        return sum(paced.entry.predictor.sets for paced in self._running) + self._pools()  # integers

    def _pools(self) -> int:
        """How many pools there are: none of a single predictor."""
        predictors = sum(paced.entry.pooled > 0 for paced in self._running)  # integers
        return 2 + predictors if predictors > 1 else 0

    def retire(self, start: int) -> list[int] | None:
        """Drops the predictors that are not for example ``start``: numbers of the sets that stay, of those until
        now; None if all do."""
        running = [paced for paced in self._running if start < paced.entry.examples]
        if len(running) == len(self._running):
            return None
        kept: list[int] = []
        first = 0
        for paced in self._running:
            sets = range(first, first + paced.entry.predictor.sets)
            kept += sets if paced in running else []
            first = sets.stop
        pooled = [paced in running for paced in self._running if paced.entry.pooled]
        self._running = running  # and what the others hold is freed
        if self._pools():
            kept += [first, first + 1] + [first + 2 + p for p, stays in enumerate(pooled) if stays]
        return kept

    def block_end(self, start: int) -> int:
        """Where scores of examples from ``start`` on end for now; see Predictor.block_end."""
        return min(paced.scores_end(start) for paced in self._running)

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        return self._pooled([paced.scores(start, stop) for paced in self._running])

    @override
    def answers(self, features: np.ndarray) -> np.ndarray:
        return self._pooled([paced.entry.predictor.answers(features) for paced in self._running])

    @override
    def complete(self) -> None:
        for paced in self._running:
            paced.entry.predictor.complete()

    def _pooled(self, parts: list[np.ndarray]) -> np.ndarray:
        """All score sets, of the predictors' own."""
        scores = np.concatenate(parts, axis=1)
        count = self._pools()
        if not count:
            return scores
        chosen: list[int] = []
        last = 0
        for paced in self._running:
            last += paced.entry.predictor.sets
            chosen += range(last - paced.entry.pooled, last)
        sizes = np.array([paced.entry.pooled for paced in self._running if paced.entry.pooled])
        pools = np.empty((len(scores), count, self._k))
        fill_pools(np.take(scores, chosen, axis=1), sizes, pools)
        return np.concatenate([scores, pools], axis=1)

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        self._arithmetic.run(
            [chain for paced in self._running for chain in paced.lessons(start, stop, labels)]
        )

    @override
    def states(self) -> dict[str, np.ndarray]:
        """The states of the predictors that run."""
        return {
            f"predictor {number} {name}": array
            for number, paced in enumerate(self._running)
            for name, array in paced.entry.predictor.states().items()
        }

    @override
    def saved(self) -> dict[str, np.ndarray]:
        predictors = enumerate(paced.entry.predictor for paced in self._running)
        return joined({str(number): predictor.saved() for number, predictor in predictors})

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        for number, paced in enumerate(self._running):
            paced.restore(part_of(saved, str(number)), labels)
