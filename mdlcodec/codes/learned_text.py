"""The prequential code of a text by a network alone (formats/sequences.md, "Learning"): encode above decode.

Both sides run one schedule: a segment is predicted, coded and learned from. The sender, who knows the text, has the
predictions of a segment's places from the pass that learns from it; the receiver makes them place by place.
"""

from collections.abc import Callable

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy import TOTAL_FREQUENCY, RangeDecoder, RangeEncoder, fill_frequencies
from mdlcodec.errors import CorruptFile, InexactComputation
from mdlcodec.exact.loss import softmax_row
from mdlcodec.predictors.text import Learner, recipe_for

Told = Callable[[int], None]
"""Is told the number of bytes that are done."""


@njit(cache=True)
def _fill(scores, out):  # type: ignore[no-untyped-def]
    p = np.empty(scores.shape[1], np.float64)
    for row in range(scores.shape[0]):
        softmax_row(scores[row], 1.0, p)
        if not fill_frequencies(p, out[row]):
            return False
    return True


def frequencies_of(scores: np.ndarray) -> np.ndarray:
    """Integer frequencies of the softmax of each row: float32 (m, k) -> uint32 (m, k).

    Raises InexactComputation for scores that are not finite.
    """
    out = np.empty(scores.shape, np.uint32)
    if not _fill(np.ascontiguousarray(scores), out):
        raise InexactComputation(
            "training diverged: a score is NaN or infinite; try another preset or network"
        )
    return out


def encode(text: bytes, net: str, preset: int, told: Told | None = None) -> tuple[bytes, float]:
    """The coded text, and its ideal codelength in bits: -log2 of the probabilities that it was coded with.

    net: transformer or lstm; preset: 1 to 9. Raises BadData for others, InexactComputation when training diverges.
    """
    learner, coder, bits, done = Learner(recipe_for(net, preset), len(text)), RangeEncoder(), 0.0, 0
    learner.place(text)
    for start, stop in learner.segments():
        scores = learner.learn(start, stop)
        for place in range(start, stop):
            here = learner.here(place)
            symbols = learner.known[:here, place + 1].astype(np.int32)
            frequencies = frequencies_of(scores[:here, place - start])
            coder.encode(symbols, frequencies)
            chosen = frequencies[np.arange(here), symbols] / TOTAL_FREQUENCY
            bits -= float(np.log2(chosen).sum())  # reported only
            done += here
        if told is not None:
            told(done)
    return coder.finish(), bits


def decode(payload: bytes, n: int, net: str, preset: int, told: Told | None = None) -> bytes:
    """The text of ``n`` bytes. Takes what its length asks for: the caller checks that first (`cost`).

    Raises BadData for another net or preset, CorruptFile for a payload that proves damaged, InexactComputation when
    training diverges.
    """
    learner, coder, done = Learner(recipe_for(net, preset), n), RangeDecoder(payload), 0
    for start, stop in learner.segments():
        steps, state = learner.begin(start, stop)
        for place in range(start, stop):
            scores, here = steps.step(state, learner.known[:, place]), learner.here(place)
            learner.known[:here, place + 1] = coder.decode(frequencies_of(scores[:here]))
            done += here
        if not coder.intact:
            raise CorruptFile("the text's payload is damaged: it does not decode to the end")
        learner.learn(start, stop)
        if told is not None:
            told(done)
    return learner.text()
