"""The prequential code of a text by a network alone (formats/sequences.md, "Learning"): encode above decode.

Both sides run one schedule: a segment is predicted, coded and learned from. The sender, who knows the text, has the
predictions of a segment's places from the pass that learns from it; the receiver makes them place by place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.entropy import TOTAL_FREQUENCY, RangeDecoder, RangeEncoder
from mdlcodec.errors import CorruptFile
from mdlcodec.limits import Cost
from mdlcodec.mixing.softmax import frequencies_of

if TYPE_CHECKING:  # torch loads when a network learns
    from mdlcodec.predictors.text import Learner


def _ideal_bits(frequencies: np.ndarray, symbols: np.ndarray) -> float:
    """Of symbols int (m,) under uint32 (m, k)."""
    chosen = frequencies[np.arange(len(symbols)), symbols] / TOTAL_FREQUENCY
    return -float(np.log2(chosen).sum())  # reported only


class LearnedText(TextCode):
    """A network over bytes, which both sides train from nothing."""

    name, number = "prequential", int(CodeId.PREQUENTIAL)
    is_quick = False

    def __init__(self, net: TextNetId) -> None:
        self._named = net.name.lower()
        self.net, self.net_number = self._named, int(net)

    @override
    def settings(self, preset: int, seed: int) -> Settings:
        return Settings(self.net_number, preset, seed)

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        from mdlcodec.predictors.text import recipe_for, text_cost

        return text_cost(recipe_for(self._named, settings.preset), n)

    @override
    def encode(self, text: bytes, settings: Settings, progress: Progress) -> EncodedText:
        """Raises InexactComputation when training diverges."""
        learner, coder = self._learner(len(text), settings), RangeEncoder()
        bits, done = 0.0, 0
        learner.place(text)
        for start, stop in learner.segments():
            scores = learner.learn(start, stop)
            for place in range(start, stop):
                here = learner.here(place)
                symbols = learner.known[:here, place + 1].astype(np.int32)
                frequencies = frequencies_of(scores[:here, place - start])
                coder.encode(symbols, frequencies)
                bits += _ideal_bits(frequencies, symbols)
                done += here
            progress(done, bits)
        return EncodedText(coder.finish(), bits)

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        """Raises CorruptFile for a payload that proves damaged, InexactComputation when training diverges."""
        learner, coder = self._learner(n, settings), RangeDecoder(payload)
        bits, done = 0.0, 0
        for start, stop in learner.segments():
            steps, state = learner.begin(start, stop)
            for place in range(start, stop):
                scores, here = steps.step(state, learner.known[:, place]), learner.here(place)
                frequencies = frequencies_of(scores[:here])
                symbols = coder.decode(frequencies)
                learner.known[:here, place + 1] = symbols
                bits += _ideal_bits(frequencies, symbols)
                done += here
            if not coder.intact:
                raise CorruptFile("the text's payload is damaged: it does not decode to the end")
            learner.learn(start, stop)
            progress(done, bits)
        return learner.text()

    def _learner(self, n: int, settings: Settings) -> Learner:
        from mdlcodec.predictors.text import Learner, recipe_for

        return Learner(recipe_for(self._named, settings.preset), n, settings.seed)
