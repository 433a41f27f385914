"""The prequential code (Blier & Ollivier 2018, Definition 3 and equation 3.6; formats/prequential.md).

Labels are coded in blocks. Each block is predicted by what was learned from the labels before it, coded
under the calibrated prediction, and learned from. Sender and receiver run the same loop.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import NO_OPTIONS, Code, Given, Options, Predicted, Prepared, Progress, Settings
from mdlcodec.codes.results import Decoded, Encoded
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Reals, Target
from mdlcodec.entropy import RangeDecoder, RangeEncoder
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.mixing.switch_distribution import INVERSE_TEMPERATURES, Calibration
from mdlcodec.predictors import auto_name, predictor_named, predictor_numbered
from mdlcodec.predictors.contract import Predictor, PredictorFamily

# frequencies of one slice of a block take at most this many entries
_ENTRIES_AT_ONCE = 1 << 22


class PrequentialCode(Code):
    """Each label is coded under a prediction learned from the labels before it."""

    name = "prequential"
    number: int = CodeId.PREQUENTIAL
    takes_reals = True

    @override
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        reals = isinstance(target, Reals)
        entry = predictor_named(auto_name(inputs, reals) if net == "auto" else net)
        if reals and not entry.reals:
            raise BadData(
                f"--net {entry.name} predicts classes, not reals; choose auto, kernel or mlp, or --as classes"
            )
        return Settings(net=entry.number, preset=preset, seed=seed)

    @override
    def net_name(self, settings: Settings) -> str:
        return predictor_numbered(settings.net).name

    @override
    def check_network(self, settings: Settings, target: Target) -> None:
        entry = predictor_numbered(settings.net)
        if isinstance(target, Reals) and not entry.reals:
            raise Unsupported(
                f"the file predicts reals with {entry.name}, which this version does not know: install a newer "
                "mdlcodec"
            )

    def _prepared(self, given: Given) -> Prepared:
        if isinstance(given.target, Reals):
            from mdlcodec.codes.real_numbers import LearnedReals
            from mdlcodec.predictors.reals import real_family

            return LearnedReals(given, real_family(self.net_name(given.settings)))
        family = predictor_numbered(given.settings.net).load()
        return LearnedClasses(given, family)


class LearnedClasses(Prepared):
    """Classes that are predicted from the classes before them. See `mdlcodec.codes.contract.Prepared`."""

    def __init__(self, given: Given, family: PredictorFamily) -> None:
        self._given, self._family = given, family

    @property
    @override
    def cost(self) -> Cost:
        given = self._given
        cost = self._family.cost(given.inputs, given.k, given.settings.preset)
        # the mixture's exponentials count too: with many classes they are most of the work
        mixing = EXPONENTIAL * given.n * (cost.sets * INVERSE_TEMPERATURES.size + 2) * given.k
        return replace(cost, work=cost.work + mixing, memory=cost.memory + 16 * _ENTRIES_AT_ONCE)

    def learner(self) -> Predictor:
        """What predicts, before any label."""
        given = self._given
        return self._family.start(given.inputs, given.k, given.settings.preset, given.settings.seed)

    def _slices(self, learner: Predictor, calibration: Calibration) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields (start, stop, scores float64 (stop - start, sets, k)); learning is the caller's."""
        step = max(1, _ENTRIES_AT_ONCE // self._given.k)
        start, n = 0, self._given.n
        while start < n:
            kept = learner.retire(start)
            if kept is not None:
                calibration.keep(kept)
            stop = min(n, start + step, learner.block_end(start))
            yield start, stop, learner.predict(start, stop)
            start = stop

    @override
    def predicted(self, values: np.ndarray) -> Iterator[Predicted]:
        """Labels are learned after their slice was yielded."""
        learner = self.learner()
        calibration = Calibration(self._given.k, learner.sets)
        for start, stop, scores in self._slices(learner, calibration):
            labels = values[start:stop]
            yield Predicted(stop, labels, *calibration.frequencies(scores, labels))
            learner.learn(start, stop, labels)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        encoder, bits = RangeEncoder(), 0.0
        for some in self.predicted(values):
            encoder.encode(some.labels, some.frequencies)
            bits -= float(np.log2(some.probability).sum())  # reported only
            progress(some.stop, bits)
        return Encoded(encoder.finish(), bits)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        learner, k = self.learner(), self._given.k
        calibration, decoder = Calibration(k, learner.sets), RangeDecoder(payload)
        classes = np.empty(self._given.n, np.int32)
        frequencies = np.empty(k, np.uint32)
        bits = 0.0
        for start, stop, scores in self._slices(learner, calibration):
            for i in range(start, stop):
                calibration.predict(scores[i - start], frequencies)
                classes[i] = decoder.decode_symbol(frequencies)
                bits -= float(np.log2(calibration.update(int(classes[i]))))  # reported only
            progress(stop, bits)
            learner.learn(start, stop, classes[start:stop])
        return Decoded(classes)
