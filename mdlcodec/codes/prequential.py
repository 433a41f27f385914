"""The prequential code (Blier & Ollivier 2018, Definition 3 and equation 3.6; formats/prequential.md).

Labels are coded in blocks. Each block is predicted by what was learned from the labels before it, coded
under the calibrated prediction, and learned from. Sender and receiver run the same loop.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Code, Given, Prepared, Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.results import Decoded, Encoded, Learned
from mdlcodec.codes.resumption import bits_of, coder_of, keep, labels_done, position
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Reals, Target
from mdlcodec.entropy import RangeDecoder, RangeEncoder
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.mixing.switch_distribution import INVERSE_TEMPERATURES, Calibration
from mdlcodec.predictors import auto_name, predictor_for, predictor_numbered
from mdlcodec.predictors.contract import Predictor, PredictorFamily
from mdlcodec.saved import Saved, joined, part_of, taken

# frequencies of one slice of a block take at most this many entries
_ENTRIES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Predicted:
    """A slice of predictions: where it ends, its labels int32 (m,), their frequencies uint32 (m, k), and their
    probabilities float64 (m,)."""

    stop: int
    labels: np.ndarray
    frequencies: np.ndarray
    probability: np.ndarray

    def mistakes(self) -> int:
        """How many labels are not the most likely class; of equal ones, the first counts."""
        return int(np.count_nonzero(np.argmax(self.frequencies, 1) != self.labels))


class PrequentialCode(Code):
    """Each label is coded under a prediction learned from the labels before it."""

    name = "prequential"
    number: int = CodeId.PREQUENTIAL
    takes_reals = True

    @override
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        reals = isinstance(target, Reals)
        entry = predictor_for(auto_name(inputs, reals) if net == "auto" else net, inputs, preset)
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


@dataclass
class _Pass:
    """A pass over the labels, between blocks: what predicts, how many are done, and their ideal bits."""

    learner: Predictor
    calibration: Calibration
    start: int = 0
    bits: float = 0.0

    def saved(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        parts = joined({"learner": self.learner.saved(), "calibration": self.calibration.saved()})
        return {**position(self.start, self.bits), **parts}


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

    def _pass(self, held: Saved | None = None, known: np.ndarray | None = None) -> _Pass:
        """A pass from the first label on, or from what a checkpoint held after labels ``known``, int32 (start,)."""
        learner = self.learner()
        if held is None or known is None:
            return _Pass(learner, Calibration(self._given.k, learner.sets))
        learner.retire(known.size)
        calibration = Calibration(self._given.k, learner.sets)
        calibration.restore(part_of(held, "calibration"), known.size)
        learner.restore(part_of(held, "learner"), known)
        return _Pass(learner, calibration, known.size, bits_of(held))

    def _slices(
        self, run: _Pass, between: Callable[[], None] | None = None
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields (start, stop, scores float64 (stop - start, sets, k)); learning is the caller's. ``between`` is
        called before each."""
        step = max(1, _ENTRIES_AT_ONCE // self._given.k)
        n, learner = self._given.n, run.learner
        while run.start < n:
            kept = learner.retire(run.start)
            if kept is not None:
                run.calibration.keep(kept)
            if between is not None:
                between()
            stop = min(n, run.start + step, learner.block_end(run.start))
            yield run.start, stop, learner.predict(run.start, stop)
            run.start = stop

    def _predictions(
        self, values: np.ndarray, run: _Pass, between: Callable[[], None] | None = None
    ) -> Iterator[Predicted]:
        """Labels are learned after their slice was yielded."""
        for start, stop, scores in self._slices(run, between):
            labels = values[start:stop]
            yield Predicted(stop, labels, *run.calibration.frequencies(scores, labels))
            run.learner.learn(start, stop, labels)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        checkpoint = self._given.checkpoint
        held = None if checkpoint is None else checkpoint.load()
        encoder, known = RangeEncoder(coder_of(checkpoint)), values[: labels_done(held, values.size)]
        if held is not None:
            encoder.restore(part_of(held, "coder"), known.size)
        run = self._pass(held, known)

        def between() -> None:
            keep(checkpoint, run.start, lambda: {**run.saved(), **joined({"coder": encoder.saved()})})

        for some in self._predictions(values, run, between):
            encoder.encode(some.labels, some.frequencies)
            run.bits -= float(np.log2(some.probability).sum())  # reported only
            progress(some.stop, run.bits, "", some.mistakes())
        return Encoded(encoder.finish(), run.bits, learned=LearnedFromLabels(run))

    @override
    def learned(self, payload: bytes, values: np.ndarray, progress: Progress) -> Learned:
        run = self._pass()
        for some in self._predictions(values, run):
            run.bits -= float(np.log2(some.probability).sum())  # reported only
            progress(some.stop, run.bits)
        return LearnedFromLabels(run)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        checkpoint, k = self._given.checkpoint, self._given.k
        held = None if checkpoint is None else checkpoint.load()
        decoder, classes = RangeDecoder(payload, coder_of(checkpoint)), np.empty(self._given.n, np.int32)
        done = labels_done(held, classes.size)
        if held is not None:
            decoder.restore(part_of(held, "coder"))
            classes[:done] = taken(held, "labels", np.int32, (done,), 0, k - 1)
        run = self._pass(held, classes[:done])

        def saved() -> dict[str, np.ndarray]:
            return {
                **run.saved(),
                **joined({"coder": decoder.saved()}),
                "labels": classes[: run.start],
            }

        frequencies = np.empty(k, np.uint32)
        for start, stop, scores in self._slices(run, lambda: keep(checkpoint, run.start, saved)):
            for i in range(start, stop):
                run.calibration.predict(scores[i - start], frequencies)
                classes[i] = decoder.decode_symbol(frequencies)
                run.bits -= float(np.log2(run.calibration.update(int(classes[i]))))  # reported only
            progress(stop, run.bits)
            run.learner.learn(start, stop, classes[start:stop])
        return Decoded(classes, learned=LearnedFromLabels(run))


class LearnedFromLabels(Learned):
    """The learners at the end of a pass, weighed as the mixture left them: other examples are predicted as the next
    block would be."""

    def __init__(self, run: _Pass) -> None:
        self._run, self._is_complete = run, False

    @override
    def probabilities(self, features: np.ndarray) -> np.ndarray:
        learner, calibration = self._run.learner, self._run.calibration
        if not self._is_complete:
            learner.complete()
            self._is_complete = True
        step = max(1, _ENTRIES_AT_ONCE // (calibration.k * learner.sets))
        parts = [
            calibration.probabilities(learner.answers(features[start : start + step]))
            for start in range(0, len(features), step)
        ]
        return np.concatenate([np.empty((0, calibration.k)), *parts])
