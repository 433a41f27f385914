"""Online calibration: a Bayesian mixture of tempered predictions, adaptive counts and the uniform code.

Experts are softmax(beta * s) for each set of scores s and each inverse temperature beta, the adaptive
order-0 counts and the uniform distribution. The mixture is exact Bayes with fixed share (Herbster & Warmuth
1998; the share decays as in Van Erven et al. 2012), updated after every label, so early labels and labels
without information cost next to nothing above the better of uniform and order 0. formats/prequential.md.
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy import fill_frequencies
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.elementary import exp
from mdlcodec.saved import Saved, taken

INVERSE_TEMPERATURES = np.array([0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.15, 1.35, 1.6, 2.0])
_COUNT_START = 0.5  # Krichevsky & Trofimov
_SIMPLE_PRIOR = 0.25  # prior weight of the counts, and of the uniform distribution; scores share the rest


@njit(cache=True)
def _predict(scores, betas, weights, counts, experts, mixed):
    """Fill ``experts`` (sets * betas + 2, k) and ``mixed`` (k,) for one example's scores (sets, k)."""
    sets, k = scores.shape
    row = 0
    for s in range(sets):
        largest = scores[s, 0]
        for c in range(1, k):
            largest = scores[s, c] if scores[s, c] > largest else largest
        for b in range(betas.size):
            total = 0.0
            for c in range(k):
                experts[row, c] = exp(betas[b] * (scores[s, c] - largest))
                total += experts[row, c]
            for c in range(k):
                experts[row, c] = experts[row, c] / total
            row += 1
    total = 0.0
    for c in range(k):
        total += counts[c]
    for c in range(k):
        experts[row, c] = counts[c] / total
        experts[row + 1, c] = 1.0 / np.float64(k)
    for c in range(k):
        mixed[c] = 0.0
    for j in range(weights.size):
        for c in range(k):
            mixed[c] += weights[j] * experts[j, c]


@njit(cache=True)
def _update(label, step, experts, mixed, prior, weights, counts):
    share = 1.0 / np.float64(step + 2)
    keep = (1.0 - share) / mixed[label]
    for j in range(weights.size):
        weights[j] = weights[j] * experts[j, label] * keep + share * prior[j]
    counts[label] += 1.0


@njit(cache=True)
def _code_rows(scores, labels, step, betas, prior, weights, counts, experts, mixed, frequencies, probability):
    """The encoder's pass over a block: frequencies of every label, weights updated after each."""
    for i in range(labels.size):
        _predict(scores[i], betas, weights, counts, experts, mixed)
        if not fill_frequencies(mixed, frequencies[i]):
            return False
        probability[i] = mixed[labels[i]]
        _update(labels[i], step + i, experts, mixed, prior, weights, counts)
    return True


@njit(cache=True)
def _answer_rows(scores, betas, weights, counts, experts, out):
    """Mixed probabilities (m, k) of scores (m, sets, k), by weights that stay as they are."""
    for i in range(out.shape[0]):
        _predict(scores[i], betas, weights, counts, experts, out[i])


def _normalised(weights: np.ndarray) -> np.ndarray:
    """Divided by their sum, added in order."""
    total = np.float64(0.0)
    for weight in weights:
        total = total + weight
    return weights / total


class Calibration:
    """The mixture's state: weights of the experts and counts of the classes, for sender and receiver alike."""

    def __init__(self, k: int, sets: int) -> None:
        experts = sets * INVERSE_TEMPERATURES.size
        self._prior = np.full(experts + 2, (1.0 - 2.0 * _SIMPLE_PRIOR) / max(1, experts))
        self._prior[experts:] = _SIMPLE_PRIOR
        self._weights = self._prior.copy()
        self._counts = np.full(k, _COUNT_START)
        self._experts = np.empty((experts + 2, k))
        self._mixed = np.empty(k)
        self._step = 0
        self.k = k

    def keep(self, sets: list[int]) -> None:
        """Goes on with these sets alone, by number: the others' weight is shared out in proportion."""
        betas, experts = INVERSE_TEMPERATURES.size, self._weights.size - 2
        kept = [s * betas + b for s in sets for b in range(betas)] + [experts, experts + 1]
        self._prior = _normalised(self._prior[kept])
        self._weights = _normalised(self._weights[kept])
        self._experts = np.empty((len(kept), self._counts.size))

    def saved(self) -> dict[str, np.ndarray]:
        """All that was learned."""
        return {"prior": self._prior, "weights": self._weights, "counts": self._counts}

    def restore(self, saved: Saved, labels: int) -> None:
        """Goes on after so many labels, with as many sets as there were then. Raises CorruptFile."""
        smallest, largest = np.finfo(np.float64).tiny, np.finfo(np.float64).max
        for name, own in (("prior", self._prior), ("weights", self._weights), ("counts", self._counts)):
            own[...] = taken(saved, name, np.float64, own.shape, smallest, largest)
        self._step = labels

    def frequencies(self, scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sender's side: codes a block and learns from it.

        scores: float64 (m, sets, k); labels: int32 (m,). Returns integer frequencies uint32 (m, k) and the
        labels' probabilities float64 (m,). Raises InexactComputation if a score is not finite.
        """
        out = np.empty((labels.size, self._counts.size), np.uint32)
        probability = np.empty(labels.size)
        state = (INVERSE_TEMPERATURES, self._prior, self._weights, self._counts, self._experts, self._mixed)
        if not _code_rows(scores, labels, self._step, *state, out, probability):
            raise _not_finite()
        self._step += labels.size
        return out, probability

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Of each class, float64 (m, k), for scores float64 (m, sets, k) of examples that are not coded: nothing is
        learned. Raises InexactComputation if a score is not finite."""
        if not np.isfinite(scores).all():
            raise _not_finite()
        out = np.empty((len(scores), self.k))
        _answer_rows(scores, INVERSE_TEMPERATURES, self._weights, self._counts, self._experts, out)
        return out

    def predict(self, scores: np.ndarray, frequencies: np.ndarray) -> None:
        """The receiver's side, one label: scores float64 (sets, k) -> frequencies uint32 (k,), in place."""
        _predict(scores, INVERSE_TEMPERATURES, self._weights, self._counts, self._experts, self._mixed)
        if not fill_frequencies(self._mixed, frequencies):
            raise _not_finite()

    def update(self, label: int) -> float:
        """The receiver's side, one label decoded after `predict`. Returns its probability."""
        probability = float(self._mixed[label])
        _update(label, self._step, self._experts, self._mixed, self._prior, self._weights, self._counts)
        self._step += 1
        return probability


def _not_finite() -> InexactComputation:
    return InexactComputation("a prediction is NaN or infinite; try another preset or network")
