"""Real numbers in the codes that have them (formats/reals.md): learned from the values before, or uniform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import NO_OPTIONS, Given, Options, Prepared, Progress
from mdlcodec.codes.results import Decoded, Encoded
from mdlcodec.data.targets import Reals
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.mixing.real_mixture import RealMixture, UniformIndices

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

    def _start(self, payload: bytes | None) -> tuple[Predictor, RealMixture]:
        """What predicts, and what codes, before any value."""
        settings, grid = self._given.settings, self._target.grid
        learner = self._family.start(self._given.inputs, settings.preset, settings.seed)
        return learner, RealMixture(learner.sets, grid.low, grid.high, *self._target.cells(), payload)

    def _blocks(
        self, learner: Predictor, mixture: RealMixture, progress: Progress
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields (start, stop, scores float64 (stop - start, sets, 2)); learning is the caller's."""
        start, n = 0, self._given.n
        while start < n:
            kept = learner.retire(start)
            if kept is not None:
                mixture.keep(kept)
            stop = min(n, learner.block_end(start))
            yield start, stop, learner.predict(start, stop)
            progress(stop, mixture.ideal_bits)
            start = stop

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        learner, mixture = self._start(None)
        for start, stop, scores in self._blocks(learner, mixture, progress):
            learner.learn(start, stop, mixture.encode(scores, values[start:stop]))
        return Encoded(mixture.finish(), mixture.ideal_bits)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        learner, mixture = self._start(payload)
        values = np.empty(self._given.n, np.int64)
        for start, stop, scores in self._blocks(learner, mixture, progress):
            learner.learn(start, stop, mixture.decode(scores, values[start:stop]))
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
