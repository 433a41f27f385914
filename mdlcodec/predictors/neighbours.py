"""Nearest neighbours among the examples whose labels are known (formats/switching.md, "Nearest neighbours")."""

import numpy as np
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.exact.cholesky import row_starts
from mdlcodec.exact.elementary import log
from mdlcodec.limits import EXPONENTIAL
from mdlcodec.predictors.contract import Enter, Predictor
from mdlcodec.saved import Saved

# score sets: votes of so many nearest neighbours
COUNTS = np.array([1, 4, 16], np.int64)
_LEAST_VOTES = 0.1  # of each class besides
_COMPARISON = 180  # operations


@njit(cache=True, nogil=True)
def _nearest(
    distances: np.ndarray, starts: np.ndarray, i: int, known: int, nearest: np.ndarray, lengths: np.ndarray
) -> int:
    """The examples below ``known`` nearest to i, nearest first, of equals the earlier; how many there are.

    The distance of j to i is distances[starts[j] + i].
    """
    size = 0
    for j in range(known):
        d = distances[starts[j] + i]
        if size == nearest.size and d >= lengths[size - 1]:
            continue
        if size < nearest.size:
            size += 1
        place = size - 1
        while place > 0 and lengths[place - 1] > d:
            nearest[place], lengths[place] = nearest[place - 1], lengths[place - 1]
            place -= 1
        nearest[place], lengths[place] = j, d
    return size


@njit(cache=True, nogil=True)
def _vote(
    nearest: np.ndarray, size: int, labels: np.ndarray, counts: np.ndarray, least: float, out: np.ndarray
) -> None:
    """out[s, c] = log((votes of class c among the nearest counts[s] + least) / (their number + K least))."""
    sets, k = out.shape
    votes = np.zeros(k, np.int64)
    voters = 0
    for s in range(sets):
        while voters < counts[s] and voters < size:
            votes[labels[nearest[voters]]] += 1
            voters += 1
        total = np.float64(voters) + least * np.float64(k)
        for c in range(k):
            out[s, c] = log((np.float64(votes[c]) + least) / total)


def neighbours_work(n: int, k: int) -> int:
    """Operations for the votes of k classes on n examples."""
    return n * (_COMPARISON * n // 2 + EXPONENTIAL * COUNTS.size * k)


class NeighboursPredictor(Predictor):
    """Votes of the nearest 1, 4 and 16 neighbours. See `mdlcodec.predictors.contract.Predictor`."""

    sets = COUNTS.size

    def __init__(self, n: int, k: int, distances: np.ndarray, beside: Enter | None = None) -> None:
        """distances: squared, packed, float64 (n (n + 1) / 2,); see `mdlcodec.exact.cholesky`; beside: those of
        other examples to these, float64 (m, n), of their features."""
        self._distances, self._starts, self._k, self._beside = distances, row_starts(n), k, beside
        self._labels, self._known = np.zeros(n, np.int32), 0
        self._found, self._lengths = np.empty(COUNTS[-1], np.int64), np.empty(COUNTS[-1])

    @override
    def block_end(self, start: int) -> int:
        """Every label informs the next."""
        return start + 1

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        return self._votes(self._distances, self._starts, start, stop, start)

    @override
    def answers(self, features: np.ndarray) -> np.ndarray:
        assert self._beside is not None
        distances = self._beside(features)
        m, n = distances.shape
        return self._votes(distances.T.reshape(-1), np.arange(n) * m, 0, m, self._known)

    def _votes(
        self, distances: np.ndarray, starts: np.ndarray, first: int, stop: int, known: int
    ) -> np.ndarray:
        """Score sets of examples first..stop-1 from the first ``known`` labels."""
        out = np.empty((stop - first, self.sets, self._k))
        for i in range(first, stop):
            size = _nearest(distances, starts, i, known, self._found, self._lengths)
            _vote(self._found, size, self._labels, COUNTS, _LEAST_VOTES, out[i - first])
        return out

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        self._labels[start:stop] = labels
        self._known = stop

    @override
    def states(self) -> dict[str, np.ndarray]:
        return {"labels": self._labels}

    @override
    def saved(self) -> dict[str, np.ndarray]:
        return {}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        self._labels[: labels.size] = labels
        self._known = labels.size
