"""The training loop: networks that learn on from replayed labels between blocks (formats/prequential.md).

Between blocks every member takes optimiser steps on batches drawn, with replacement, from all labels sent so
far; predictions use exponentially averaged weights, and the members' probabilities are averaged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.optimisers import adam_for, move_towards
from mdlcodec.exact.random import Stream
from mdlcodec.exact.threads import Chain, chains_at_once
from mdlcodec.limits import Cost
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Graph, channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.nn.work import prediction_work, step_work
from mdlcodec.predictors.augmentation import shifted
from mdlcodec.predictors.contract import Enter, Predictor
from mdlcodec.predictors.objectives import ClassObjective, Objective, RealObjective
from mdlcodec.predictors.pictures import moved_by_a_place
from mdlcodec.predictors.warps import Warp, warped
from mdlcodec.saved import Saved, joined, part_of, taken, whole

_FIRST_BLOCK = 8
_PREDICTED_AT_ONCE, _VALUES_AT_ONCE = 512, 1 << 26
# an example whose class had a higher probability when last trained on is easy: one draw in eight counts
_EASY, _EASY_WORD = 0.95, np.uint64(1 << 61)
_DRAWS, _ROUNDS = 8, 8
_HALF = np.uint64(1 << 63)
# operations that take as long as ...
_DRAWN = 20_000  # drawing an example of a batch
WARPED = 1_000  # a value of a warped image


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a network predictor learns; a preset of a network gives one."""

    graph: Graph
    members: int  # networks whose probabilities are averaged
    growth: int  # a block is a 1 / growth part of the labels before it
    batch: int  # examples a step
    # steps after every block: base, and as many as T(labels) = floor(scale * labels^power) has grown by
    steps_base: int
    steps_scale: int
    steps_power: tuple[int, int]  # numerator and denominator
    rate: float  # Adam's learning rate at first: rate / (1 + steps / rate_steps)
    rate_steps: float
    decay: float  # weight decay, times the rate
    beta2: float  # Adam's second moment
    horizon: float  # the weight average moves by (horizon + 1) / (steps + horizon)
    smoothing: float  # of the labels in training
    warp: Warp | None  # of images in training
    selective: bool = False  # examples that are easy by now are drawn less often
    shifted: bool = False  # images are also predicted shifted by one pixel each way, and averaged
    training_shift: int | None = (
        None  # images are mirrored, or not, and shifted by up to so many places in training
    )

    def block_end(self, start: int) -> int:
        """Where the block that begins at ``start`` ends."""
        return block_end(start, self.growth)

    def steps(self, before: int, known: int) -> int:
        """Optimiser steps once ``known`` labels are known, ``before`` of them since earlier blocks."""
        return self.steps_base + self._schedule(known) - self._schedule(before)

    def _schedule(self, labels: int) -> int:
        numerator, denominator = self.steps_power
        return integer_root(self.steps_scale**denominator * labels**numerator, denominator)  # integers

    def total_steps(self, n: int) -> int:
        """Steps of all members over n labels; the last block is not learned from."""
        total, before, known = 0, 0, min(n, self.block_end(0))
        while known < n:
            total += self.steps(before, known)
            before, known = known, min(n, self.block_end(known))
        return total * self.members


def block_end(start: int, growth: int) -> int:
    """Where a block that begins at ``start`` ends: it is a 1 / growth part of the labels before it."""
    return start + max(_FIRST_BLOCK if start == 0 else 1, -(-start // growth))


def integer_root(x: int, degree: int) -> int:
    """The largest integer whose power of that degree is at most x >= 0: no floating point in schedules."""
    low, high = 0, 1 << (x.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= x:  # integers
            low = middle
        else:
            high = middle
    return low


def _predicted_at_once(recipe: Recipe, shape: Shape) -> int:
    """Examples of shape (c, h, w) or (d,) that fit the memory together."""
    return max(1, min(_PREDICTED_AT_ONCE, _VALUES_AT_ONCE // recipe.graph.values(shape)))


class _Member:
    """A network, its optimiser and its streams."""

    def __init__(
        self,
        features: np.ndarray,
        recipe: Recipe,
        objective: Objective,
        seed: int,
        number: int,
        arithmetic: Arithmetic,
    ) -> None:
        self._features, self._recipe, self._loss = features, recipe, objective.loss
        initial, noise = Stream(seed, Purpose.INITIAL, number), Stream(seed, Purpose.NOISE, number)
        shape = channels_first(features.shape[1:])
        self.functions = arithmetic.functions
        self.network = Network(recipe.graph, shape, arithmetic, initial, noise)
        self.optimiser = adam_for(self.network.trained, beta2=recipe.beta2)
        self.average = self.functions.array(self.network.state.copy())
        self._batches, self._warps = (
            Stream(seed, Purpose.BATCHES, number),
            Stream(seed, Purpose.WARPS, number),
        )
        # probability of each example's class when it was last trained on
        self._known = np.zeros(features.shape[0] if recipe.selective else 0)
        self.steps = 0

    def _rows(self, known: int) -> np.ndarray:
        """Examples of the next batch, drawn with replacement from those known."""
        batch = self._recipe.batch
        if not self._recipe.selective:
            return self._batches.below(known, batch)
        kept = np.empty(0, np.int64)
        for _ in range(_ROUNDS):
            drawn, coins = self._batches.below(known, _DRAWS * batch), self._batches.words(_DRAWS * batch)
            kept = np.concatenate([kept, drawn[(self._known[drawn] <= _EASY) | (coins < _EASY_WORD)]])
            if kept.size >= batch:
                return kept[:batch]
        return np.concatenate([kept, drawn])[:batch]

    def step(self, labels: np.ndarray, known: int) -> None:
        """One step on examples 0..known-1."""
        recipe = self._recipe
        self.steps += 1
        move = np.float32((recipe.horizon + 1.0) / (self.steps + recipe.horizon))
        rate = recipe.rate / (1.0 + self.steps / recipe.rate_steps)
        rows = self._rows(known)
        if recipe.warp is not None:
            x = warped(self._features, rows, recipe.warp, self._warps)
        elif recipe.training_shift is not None:
            mirrored = self._warps.words(rows.size) >= _HALF
            x = shifted(self._features, rows, mirrored, recipe.training_shift, self._warps)
        else:
            x = self._features[rows]
        _, gradient, true = self.network.gradient(x, labels[rows], recipe.smoothing, self._loss)
        if recipe.selective:
            self._known[rows] = true
        self.optimiser.step(self.network.trained, gradient, rate, recipe.decay)
        move_towards(self.average, self.network.vector, move)

    def predict(self, views: Sequence[np.ndarray], out: list[np.ndarray]) -> None:
        """Outputs for views, float32 (m, h, w, c) or (m, d) each, behind those in ``out``: float32 (m, outputs)."""
        for view in views:
            out.append(self.network.predict(view, self.average))

    def saved(self) -> dict[str, np.ndarray]:
        """See Predictor."""
        return {
            **joined({"network": self.network.saved(), "optimiser": self.optimiser.saved()}),
            "average": self.functions.read(self.average),
            "known": self._known,
            "batches": np.array(self._batches.position, np.int64),
            "warps": np.array(self._warps.position, np.int64),
        }

    def restore(self, saved: Saved, steps: int) -> None:
        """See Predictor."""
        self.steps = steps
        self.network.restore(part_of(saved, "network"))
        self.optimiser.restore(part_of(saved, "optimiser"))
        held = taken(saved, "average", np.float32, tuple(self.average.shape))
        self.average[...] = self.functions.array(held)
        self._known[...] = taken(saved, "known", np.float64, self._known.shape)
        self._batches.seek(whole(saved, "batches"))
        self._warps.seek(whole(saved, "warps"))


class NetworkPredictor(Predictor):
    """Members trained side by side on batches of their own. See `mdlcodec.predictors.contract.Predictor`.

    Score sets: the logarithm of the members' mean probability; when images are also predicted shifted, the
    same over all of these as well.
    """

    def __init__(
        self,
        features: np.ndarray,
        k: int | None,
        recipe: Recipe,
        seed: int,
        first: int = 0,
        at_once: int | None = None,
        enter: Enter = np.asarray,
    ) -> None:
        """features: float32 (n, ...), one example a row; k classes, None for real numbers; first: number of the
        first member's streams; at_once: examples predicted together, which changes no bit; enter: what features of
        other examples become."""
        shape = channels_first(features.shape[1:])
        self._at_once = _predicted_at_once(recipe, shape) if at_once is None else at_once
        self._arithmetic = chosen_arithmetic()
        self._features, self._recipe, self._enter = features, recipe, enter
        self._unlearned = (0, 0)  # the last block
        self._objective: Objective = RealObjective() if k is None else ClassObjective(k)
        self._labels = np.empty(features.shape[0], self._objective.targets)
        self.sets = 2 if recipe.shifted else 1
        self._members = [
            _Member(features, recipe, self._objective, seed, first + i, self._arithmetic)
            for i in range(recipe.members)
        ]

    @override
    def block_end(self, start: int) -> int:
        return self._recipe.block_end(start)

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        return self._scores(self._features[start:stop])

    @override
    def answers(self, features: np.ndarray) -> np.ndarray:
        return self._scores(self._enter(features))

    def _scores(self, features: np.ndarray) -> np.ndarray:
        """Score sets of examples (m, ...)."""
        out = np.empty((len(features), self.sets, self._objective.scores))
        for first in range(0, len(features), self._at_once):
            images = features[first : first + self._at_once]
            views = moved_by_a_place(images) if self._recipe.shifted else [images]
            outputs: list[list[np.ndarray]] = [[] for _ in self._members]
            self._arithmetic.run(
                [
                    Chain(partial(member.predict, views, own))
                    for member, own in zip(self._members, outputs, strict=True)
                ]
            )
            # (members, views, m, outputs) -> (views * members, m, outputs)
            scores = np.stack(outputs, axis=1).reshape(-1, len(images), self._objective.outputs)
            for i, count in enumerate((len(self._members), len(scores))[: self.sets]):
                self._objective.pool(scores[:count], out[first : first + len(images), i])
        return out

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        self._arithmetic.run(self.lessons(start, stop, labels))

    @override
    def lessons(self, start: int, stop: int, labels: np.ndarray) -> list[Chain]:
        self._labels[start:stop] = labels
        if stop == self._labels.size:
            self._unlearned = (start, stop)
            return []
        return self._chains(start, stop)

    def _chains(self, start: int, stop: int) -> list[Chain]:
        steps = self._recipe.steps(start, stop)
        return [Chain(partial(member.step, self._labels, stop), steps) for member in self._members]

    @override
    def complete(self) -> None:
        start, stop = self._unlearned
        if start < stop:
            self._arithmetic.run(self._chains(start, stop))
        self._unlearned = (0, 0)

    @override
    def states(self) -> dict[str, np.ndarray]:
        states = {}
        for number, member in enumerate(self._members):
            states[f"network {number} weights"] = member.network.state
            states[f"network {number} averaged weights"] = member.functions.read(member.average)
        return states

    @override
    def saved(self) -> dict[str, np.ndarray]:
        members = {str(number): member.saved() for number, member in enumerate(self._members)}
        return {"steps": np.array(self._members[0].steps, np.int64), **joined(members)}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        self._labels[: labels.size] = labels
        steps = whole(saved, "steps")
        for number, member in enumerate(self._members):
            member.restore(part_of(saved, str(number)), steps)


def network_cost(n: int, shape: Shape, recipe: Recipe) -> Cost:
    """What training on n examples (c, h, w) or (d,) will take, before anything is allocated."""
    parameters = sum(math.prod(p.shape) for p in recipe.graph.parameters(shape).values())  # integers
    # values, their integers and gradients of a batch; patches of a convolution, a few times 16 MiB
    predicted_at_once = _predicted_at_once(recipe, shape)
    batch = 32 * recipe.graph.values(shape) * max(recipe.batch, predicted_at_once) + (1 << 27)
    batch *= chains_at_once(recipe.members)
    # weights, gradient, two moments, average, block integers and planes
    weights = 48 * parameters * recipe.members
    known = 8 * n * recipe.members if recipe.selective else 0
    sets = 2 if recipe.shifted else 1
    step = step_work(recipe.graph, shape, recipe.batch) + _DRAWN * recipe.batch
    if recipe.warp is not None:
        step += WARPED * recipe.batch * math.prod(shape)  # integers
    predicted = recipe.members * (5 if recipe.shifted else 1)
    work = recipe.total_steps(n) * step + predicted * prediction_work(
        recipe.graph, shape, n, predicted_at_once
    )
    return Cost(parameters * recipe.members, work, weights + batch + known, sets)
