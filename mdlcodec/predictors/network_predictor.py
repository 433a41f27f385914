"""The training loop: networks that learn on from replayed labels between blocks (formats/prequential.md).

Between blocks every member takes optimiser steps on batches drawn, with replacement, from all labels sent so
far; predictions use exponentially averaged weights, and the members' probabilities are averaged.
"""

import math
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.optimisers import adam_for, move_towards
from mdlcodec.exact.random import Stream
from mdlcodec.limits import Cost
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Graph, channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.nn.work import prediction_work, step_work
from mdlcodec.predictors.contract import Predictor
from mdlcodec.predictors.objectives import ClassObjective, Objective, RealObjective
from mdlcodec.predictors.warps import Warp, warped
from mdlcodec.saved import Saved, joined, part_of, taken, whole

_FIRST_BLOCK = 8
_PREDICTED_AT_ONCE = 512
# an example whose class had a higher probability when last trained on is easy: one draw in eight counts
_EASY, _EASY_WORD = 0.95, np.uint64(1 << 61)
_DRAWS, _ROUNDS = 8, 8
# operations that take as long as ...
_DRAWN = 20_000  # drawing an example of a batch
_WARPED = 1_000  # a value of a warped image


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


def _shifted(images: np.ndarray) -> list[np.ndarray]:
    """The images, and moved by one pixel left, right, up, down, zero where nothing is; (n, h, w, c) each."""
    left, right, up, down = (np.zeros_like(images) for _ in range(4))
    left[:, :, :-1], right[:, :, 1:] = images[:, :, 1:], images[:, :, :-1]
    up[:, :-1], down[:, 1:] = images[:, 1:], images[:, :-1]
    return [images, left, right, up, down]


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
    ) -> None:
        """features: float32 (n, ...), one example a row; k classes, None for real numbers; first: number of the
        first member's streams; at_once: examples predicted together, which changes no bit."""
        self._at_once = _PREDICTED_AT_ONCE if at_once is None else at_once
        arithmetic = chosen_arithmetic()
        self._functions = arithmetic.functions
        self._features, self._recipe = features, recipe
        self._objective: Objective = RealObjective() if k is None else ClassObjective(k)
        self._labels = np.empty(features.shape[0], self._objective.targets)
        self.sets = 2 if recipe.shifted else 1
        numbers = range(first, first + recipe.members)
        self._members = [
            Network(
                recipe.graph,
                channels_first(features.shape[1:]),
                arithmetic,
                Stream(seed, Purpose.INITIAL, member),
                Stream(seed, Purpose.NOISE, member),
            )
            for member in numbers
        ]
        self._optimisers = [adam_for(network.trained, beta2=recipe.beta2) for network in self._members]
        self._averages = [self._functions.array(network.state.copy()) for network in self._members]
        self._batches = [Stream(seed, Purpose.BATCHES, member) for member in numbers]
        # probability of each example's class when a member last trained on it
        self._known = [np.zeros(features.shape[0] if recipe.selective else 0) for _ in numbers]
        self._warps = [Stream(seed, Purpose.WARPS, member) for member in numbers]
        self._steps = 0

    @override
    def block_end(self, start: int) -> int:
        return self._recipe.block_end(start)

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        out = np.empty((stop - start, self.sets, self._objective.scores))
        for first in range(start, stop, self._at_once):
            last = min(stop, first + self._at_once)
            images, scores = self._features[first:last], []
            for seen in _shifted(images) if self._recipe.shifted else [images]:
                for network, average in zip(self._members, self._averages, strict=True):
                    scores.append(network.predict(seen, average))
            for i, count in enumerate((len(self._members), len(scores))[: self.sets]):
                self._objective.pool(np.stack(scores[:count]), out[first - start : last - start, i])
        return out

    def _rows(self, member: int, known: int) -> np.ndarray:
        """Examples of the next batch, drawn with replacement from those known."""
        stream, batch = self._batches[member], self._recipe.batch
        if not self._recipe.selective:
            return stream.below(known, batch)
        kept = np.empty(0, np.int64)
        for _ in range(_ROUNDS):
            drawn, coins = stream.below(known, _DRAWS * batch), stream.words(_DRAWS * batch)
            kept = np.concatenate([kept, drawn[(self._known[member][drawn] <= _EASY) | (coins < _EASY_WORD)]])
            if kept.size >= batch:
                return kept[:batch]
        return np.concatenate([kept, drawn])[:batch]

    def _batch(self, member: int, rows: np.ndarray) -> np.ndarray:
        if self._recipe.warp is None:
            return self._features[rows]
        return warped(self._features, rows, self._recipe.warp, self._warps[member])

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        recipe = self._recipe
        self._labels[start:stop] = labels
        if stop == self._labels.size:
            return
        for _ in range(recipe.steps(start, stop)):
            self._steps += 1
            move = np.float32((recipe.horizon + 1.0) / (self._steps + recipe.horizon))
            rate = recipe.rate / (1.0 + self._steps / recipe.rate_steps)
            for member, network in enumerate(self._members):
                rows = self._rows(member, stop)
                x = self._batch(member, rows)
                _, gradient, true = network.gradient(
                    x, self._labels[rows], recipe.smoothing, self._objective.loss
                )
                if recipe.selective:
                    self._known[member][rows] = true
                self._optimisers[member].step(network.trained, gradient, rate, recipe.decay)
                move_towards(self._averages[member], network.vector, move)

    @override
    def states(self) -> dict[str, np.ndarray]:
        states = {}
        for number, (network, average) in enumerate(zip(self._members, self._averages, strict=True)):
            states[f"network {number} weights"] = network.state
            states[f"network {number} averaged weights"] = self._functions.read(average)
        return states

    @override
    def saved(self) -> dict[str, np.ndarray]:
        members = {}
        for number, network in enumerate(self._members):
            parts = joined({"network": network.saved(), "optimiser": self._optimisers[number].saved()})
            members[str(number)] = {
                **parts,
                "average": self._functions.read(self._averages[number]),
                "known": self._known[number],
                "batches": np.array(self._batches[number].position, np.int64),
                "warps": np.array(self._warps[number].position, np.int64),
            }
        return {"steps": np.array(self._steps, np.int64), **joined(members)}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        self._labels[: labels.size] = labels
        self._steps = whole(saved, "steps")
        for number, network in enumerate(self._members):
            member, average = part_of(saved, str(number)), self._averages[number]
            network.restore(part_of(member, "network"))
            self._optimisers[number].restore(part_of(member, "optimiser"))
            held = taken(member, "average", np.float32, tuple(average.shape))
            average[...] = self._functions.array(held)
            self._known[number][...] = taken(member, "known", np.float64, self._known[number].shape)
            self._batches[number].seek(whole(member, "batches"))
            self._warps[number].seek(whole(member, "warps"))


def network_cost(n: int, shape: Shape, recipe: Recipe) -> Cost:
    """What training on n examples (c, h, w) or (d,) will take, before anything is allocated."""
    parameters = sum(math.prod(p.shape) for p in recipe.graph.parameters(shape).values())  # integers
    # values, their integers and gradients of a batch; patches of a convolution, a few times 16 MiB
    batch = 32 * recipe.graph.values(shape) * max(recipe.batch, _PREDICTED_AT_ONCE) + (1 << 27)
    # weights, gradient, two moments, average, block integers and planes
    weights = 48 * parameters * recipe.members
    known = 8 * n * recipe.members if recipe.selective else 0
    sets = 2 if recipe.shifted else 1
    step = step_work(recipe.graph, shape, recipe.batch) + _DRAWN * recipe.batch
    if recipe.warp is not None:
        step += _WARPED * recipe.batch * math.prod(shape)  # integers
    predicted = recipe.members * (5 if recipe.shifted else 1)
    work = recipe.total_steps(n) * step + predicted * prediction_work(
        recipe.graph, shape, n, _PREDICTED_AT_ONCE
    )
    return Cost(parameters * recipe.members, work, weights + batch + known, sets)
