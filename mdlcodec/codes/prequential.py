"""The prequential code (Blier & Ollivier 2018, Definition 3 and equation 3.6; formats/prequential.md).

Labels are coded in blocks. Each block is predicted by what was learned from the labels before it, coded
under the calibrated prediction, and learned from. Sender and receiver run the same loop.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np

from mdlcodec.codes.contract import NO_OPTIONS, Encoded, LabelsAlone, Options, Progress, Settings
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.entropy import RangeDecoder, RangeEncoder
from mdlcodec.limits import Cost
from mdlcodec.mixing.switch_distribution import INVERSE_TEMPERATURES, Calibration
from mdlcodec.predictors import auto_name, predictor_named, predictor_numbered

# frequencies of one slice of a block take at most this many entries
_ENTRIES_AT_ONCE = 1 << 22
_EXPONENTIALS_PER_STEP = 200_000


class Learner(Protocol):
    """A predictor, or several, for examples in order (mdlcodec.predictors.contract.Predictor)."""

    @property
    def sets(self) -> int:
        """Score sets per example now."""

    def block_end(self, start: int) -> int:
        """See Predictor.block_end."""

    def predict(self, start: int, stop: int) -> np.ndarray:
        """See Predictor.predict."""

    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        """See Predictor.learn."""


class PrequentialCode(LabelsAlone):
    """Each label is coded under a prediction learned from the labels before it."""

    name = "prequential"
    number: int = CodeId.PREQUENTIAL

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """See Code.settings."""
        number = predictor_named(auto_name(inputs) if net == "auto" else net).number
        return Settings(net=number, preset=preset, seed=seed)

    def net_name(self, settings: Settings) -> str:
        """See Code.net_name."""
        return predictor_numbered(settings.net).name

    def cost(self, inputs: Inputs, k: int, settings: Settings, *, sending: bool = False) -> Cost:
        """See Code.cost."""
        cost = self._learner_cost(inputs, k, settings)
        if k == 1:
            return Cost(0, 0, 0)
        # the mixture's exponentials count too: with many classes they are most of the work
        mixing = inputs.n * cost.sets * INVERSE_TEMPERATURES.size * k // _EXPONENTIALS_PER_STEP
        return replace(cost, steps=cost.steps + mixing, memory=cost.memory + 16 * _ENTRIES_AT_ONCE)

    def _learner_cost(self, inputs: Inputs, k: int, settings: Settings) -> Cost:
        return predictor_numbered(settings.net).load().cost(inputs, k, settings.preset)

    def learner(self, inputs: Inputs, k: int, settings: Settings) -> Learner:
        """What predicts, before any label."""
        return predictor_numbered(settings.net).load().start(inputs, k, settings.preset, settings.seed)

    def _block(self, learner: Learner, calibration: Calibration, start: int) -> int:
        """Where the block from ``start`` on ends, once learner and calibration are ready for it."""
        return learner.block_end(start)

    def slices(
        self, learner: Learner, calibration: Calibration, n: int, k: int
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields (start, stop, scores float64 (stop - start, sets, k)); learning is the caller's."""
        step = max(1, _ENTRIES_AT_ONCE // k)
        start = 0
        while start < n:
            stop = min(n, start + step, self._block(learner, calibration, start))
            yield start, stop, learner.predict(start, stop)
            start = stop

    def predicted(
        self, classes: np.ndarray, k: int, inputs: Inputs, settings: Settings
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """The sender's predictions, slice by slice; k is more than 1.

        Yields where a slice ends, its labels int32 (m,), their frequencies uint32 (m, k) and probabilities
        float64 (m,); they are learned afterwards.
        """
        learner = self.learner(inputs, k, settings)
        calibration = Calibration(k, learner.sets)
        for start, stop, scores in self.slices(learner, calibration, inputs.n, k):
            labels = classes[start:stop]
            yield stop, labels, *calibration.frequencies(scores, labels)
            learner.learn(start, stop, labels)

    def encode(
        self,
        classes: np.ndarray,
        k: int,
        inputs: Inputs,
        settings: Settings,
        progress: Progress,
        options: Options = NO_OPTIONS,
    ) -> Encoded:
        """See Code.encode. One class has nothing to learn."""
        if k == 1:
            return Encoded(b"", 0.0)
        encoder, bits = RangeEncoder(), 0.0
        for stop, labels, frequencies, probability in self.predicted(classes, k, inputs, settings):
            encoder.encode(labels, frequencies)
            bits -= float(np.log2(probability).sum())  # reported only
            progress(stop, bits)
        return Encoded(encoder.finish(), bits)

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """See Code.decode."""
        if k == 1:
            return np.zeros(inputs.n, np.int32)
        learner = self.learner(inputs, k, settings)
        calibration, decoder = Calibration(k, learner.sets), RangeDecoder(payload)
        classes = np.empty(inputs.n, np.int32)
        frequencies = np.empty(k, np.uint32)
        bits = 0.0
        for start, stop, scores in self.slices(learner, calibration, inputs.n, k):
            for i in range(start, stop):
                calibration.predict(scores[i - start], frequencies)
                classes[i] = decoder.decode_symbol(frequencies)
                bits -= float(np.log2(calibration.update(int(classes[i]))))  # reported only
            progress(stop, bits)
            learner.learn(start, stop, classes[start:stop])
        return classes
