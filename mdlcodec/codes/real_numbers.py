"""Real numbers in the codes that have them (formats/reals.md): learned from the values before, or uniform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Given, Prepared, Progress
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.results import Decoded, Encoded
from mdlcodec.codes.resumption import keep, labels_done, position
from mdlcodec.data.targets import Reals
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.mixing.halving import UniformIndices
from mdlcodec.mixing.real_mixture import RealMixture
from mdlcodec.saved import Saved, joined, part_of, taken

if TYPE_CHECKING:
    from mdlcodec.predictors.contract import Predictor, RealFamily

_DENSITY = 2 * EXPONENTIAL  # operations
_UNIFORM = 66 * 2000  # operations for a value: that many decisions at the most
_DENSITIES_A_SET = 100  # six experts at the bounds of some sixteen nodes
_MEMORY = 1 << 24
_AT_ONCE = 4096  # values coded between reports of progress


def target_of(given: Given) -> Reals:
    """What is known of the values, which are reals."""
    assert isinstance(given.target, Reals)
    return given.target


@dataclass
class _Pass:
    """A pass over the values, between blocks: what predicts, what codes, and how many are done."""

    learner: Predictor
    mixture: RealMixture
    start: int = 0

    def saved(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        parts = {"learner": self.learner.saved(), "mixture": self.mixture.saved()}
        return {**position(self.start, self.mixture.ideal_bits), **joined(parts)}


class LearnedReals(Prepared):
    """Values under densities learned from those before them. See `mdlcodec.codes.contract.Prepared`."""

    def __init__(self, given: Given, family: RealFamily) -> None:
        self._given, self._target, self._family = given, target_of(given), family

    @property
    @override
    def cost(self) -> Cost:
        cost = self._family.cost(self._given.inputs, self._given.settings.preset)
        mixing = _DENSITY * self._given.n * (cost.sets + 3) * _DENSITIES_A_SET
        return replace(cost, work=cost.work + mixing, memory=cost.memory + _MEMORY + 64 * self._given.n)

    def _pass(self, payload: bytes | None, values: np.ndarray) -> _Pass:
        """A pass from the first value on, or from where the checkpoint stands. Of a receiver of ``payload``, the
        values decoded before are put into ``values``, int64 (n,)."""
        settings, grid, checkpoint = self._given.settings, self._target.grid, self._given.checkpoint
        held = None if checkpoint is None else checkpoint.load()
        learner = self._family.start(self._given.inputs, settings.preset, settings.seed)
        done = labels_done(held, values.size)
        if held is not None:
            learner.retire(done)
        mixture = RealMixture(learner.sets, grid.low, grid.high, *self._target.cells(), payload)
        if held is not None:
            if payload is not None:
                values[:done] = taken(held, "labels", np.int64, (done,), grid.low, grid.high)
            mixture.restore(part_of(held, "mixture"), done)
            learner.restore(part_of(held, "learner"), mixture.targets(values[:done]))
        return _Pass(learner, mixture, done)

    def _blocks(
        self, run: _Pass, progress: Progress, labels: Callable[[int], Saved]
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields (start, stop, scores float64 (stop - start, sets, 2)); learning is the caller's. ``labels``: of
        the first so many, what a checkpoint holds."""
        n, checkpoint = self._given.n, self._given.checkpoint
        while run.start < n:
            kept = run.learner.retire(run.start)
            if kept is not None:
                run.mixture.keep(kept)
            keep(checkpoint, run.start, lambda: {**run.saved(), **labels(run.start)})
            stop = min(n, run.learner.block_end(run.start))
            yield run.start, stop, run.learner.predict(run.start, stop)
            progress(stop, run.mixture.ideal_bits)
            run.start = stop

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        run = self._pass(None, values)
        for start, stop, scores in self._blocks(run, progress, lambda done: {}):
            run.learner.learn(start, stop, run.mixture.encode(scores, values[start:stop]))
        return Encoded(run.mixture.finish(), run.mixture.ideal_bits)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        values = np.empty(self._given.n, np.int64)
        run = self._pass(payload, values)
        for start, stop, scores in self._blocks(run, progress, lambda done: {"labels": values[:done]}):
            run.learner.learn(start, stop, run.mixture.decode(scores, values[start:stop]))
        return Decoded(values)


class UniformReals(Prepared):
    """Every index within the range is equally likely. See `mdlcodec.codes.contract.Prepared`."""

    def __init__(self, given: Given) -> None:
        self._given, self._target = given, target_of(given)

    @property
    @override
    def cost(self) -> Cost:
        return Cost(0, _UNIFORM * self._given.n, _MEMORY + 64 * self._given.n)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        coder = UniformIndices(self._target.grid.low, self._target.grid.high)
        for start in range(0, values.size, _AT_ONCE):
            coder.encode(values[start : start + _AT_ONCE])
            progress(min(start + _AT_ONCE, values.size), coder.ideal_bits)
        return Encoded(coder.finish(), coder.ideal_bits)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        coder = UniformIndices(self._target.grid.low, self._target.grid.high, payload)
        values = np.empty(self._given.n, np.int64)
        for start in range(0, values.size, _AT_ONCE):
            coder.decode(values[start : start + _AT_ONCE])
            progress(min(start + _AT_ONCE, values.size), coder.ideal_bits)
        return Decoded(values)
