"""Exact training, watched at checkpoints: the same weights on every machine, for any engine and number of
threads."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.container.ids import Purpose
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.loss import softmax_row
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import channels_first
from mdlcodec.saved import Saved, joined, part_of, whole
from mdlcodec.studies.information_plane.descent import OPTIMISERS
from mdlcodec.studies.information_plane.networks import OUTPUT, graph_named, representations, weighted
from mdlcodec.studies.information_plane.ranges import Extent

SNR_BATCHES = 32
_AT_ONCE = 512  # examples that are predicted together
_TOLD_SECONDS = 1.0


@dataclass(frozen=True)
class Recipe:
    """All that decides what is learned from given examples. ``steps``: the checkpoints, 0 first; ``batch``:
    examples drawn with replacement for each step, unless ``full_batch``, which takes all of them."""

    net: str
    activation: str
    optimiser: str
    rate: float
    batch: int
    full_batch: bool
    steps: tuple[int, ...]
    seed: int
    classes: int


@dataclass(frozen=True)
class Examples:
    """Features float32 (n, d) or (n, h, w, c), classes int (n,): to train on, to test on, and to measure
    layers on, of which ``sample`` int (m,) were not trained on."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    x_measured: np.ndarray
    y_measured: np.ndarray
    sample: np.ndarray


class Course:
    """A network on its way."""

    def __init__(self, recipe: Recipe, examples: Examples) -> None:
        self.recipe, self._examples, self.step = recipe, examples, 0
        self.graph = graph_named(recipe.net, recipe.activation, recipe.classes)
        shape = channels_first(examples.x.shape[1:])
        streams = (Stream(recipe.seed, purpose) for purpose in (Purpose.INITIAL, Purpose.NOISE))
        self._network = Network(self.graph, shape, chosen_arithmetic(), *streams)
        self._optimiser = OPTIMISERS[recipe.optimiser](self._network.trained)
        self._batches = Stream(recipe.seed, Purpose.BATCHES)
        names = list(self.graph.parameters(shape))
        self._places = dict(zip(names, self._network.layout, strict=True))
        self.layers = weighted(self.graph)
        self.representations = representations(self.graph)

    def advance(self, until: int) -> Iterator[float]:
        """Yields each step's loss, nats a label."""
        recipe, examples = self.recipe, self._examples
        while self.step < until:
            rows = slice(None) if recipe.full_batch else self._batches.below(len(examples.x), recipe.batch)
            loss, gradient, _ = self._network.gradient(examples.x[rows], examples.y[rows], 0.0)
            self._optimiser.step(self._network.trained, gradient, recipe.rate, 0.0)
            self.step += 1
            yield loss

    @property
    def digest(self) -> str:
        """SHA-256 of the weights and running statistics, little-endian float32, as hexadecimal digits."""
        return hashlib.sha256(self._network.state.astype("<f4").tobytes()).hexdigest()

    def matrices(self, vector: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Each weighted layer's weights, float64 (d_in, d_out), a convolution's (k^2 c_in, c_out);
        ``vector``: those or gradients like them, float (parameters,), by default the weights as they are."""
        flat = self._network.weights if vector is None else vector
        found = {}
        for name in self.layers:
            start, shape = self._places[f"{name}.weight"]
            size = int(np.prod(shape))
            # (out, in) or (out, k, k, in) -> (out, in) -> (in, out)
            found[name] = flat[start : start + size].reshape(shape[0], -1).T.astype(np.float64)
        return found

    def saved(self) -> dict[str, np.ndarray]:
        """All that training goes on from."""
        parts = {"network": self._network.saved(), "optimiser": self._optimiser.saved()}
        own = {"batches": np.array(self._batches.position, np.int64), "step": np.array(self.step, np.int64)}
        return joined(parts) | own

    def restore(self, saved: Saved) -> None:
        """Goes on from there. Raises CorruptFile."""
        self._network.restore(part_of(saved, "network"))
        self._optimiser.restore(part_of(saved, "optimiser"))
        self._batches.seek(whole(saved, "batches"))
        self.step = whole(saved, "step")

    def gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """Elementwise mean and deviation, float64 (parameters,), of the gradients of `SNR_BATCHES` batches of
        their own with the weights as they are. Batches have the recipe's size in a training of full batches
        too."""
        before = self._network.saved()
        before = {name: array.copy() for name, array in before.items()}
        drawn = Stream(self.recipe.seed, Purpose.BATCHES, 1 + self.step)
        total = np.zeros(self._network.weights.size)
        squares = np.zeros_like(total)
        for _ in range(SNR_BATCHES):
            rows = drawn.below(len(self._examples.x), self.recipe.batch)
            _, gradient, _ = self._network.gradient(self._examples.x[rows], self._examples.y[rows], 0.0)
            one = np.asarray(gradient, np.float64)
            total += one
            squares += one * one
        self._network.restore(before)
        mean = total / SNR_BATCHES
        return mean, np.sqrt(np.maximum(squares / SNR_BATCHES - mean * mean, 0.0))

    def _predicting(self) -> np.ndarray:
        """The state that predicts: before the first step a network has no running statistics, and those of a batch
        stand for them."""
        if self.step > 0 or self._network.state.size == self._network.weights.size:
            return self._network.vector
        before = {name: array.copy() for name, array in self._network.saved().items()}
        rows = Stream(self.recipe.seed, Purpose.BATCHES, 1).below(len(self._examples.x), self.recipe.batch)
        self._network.gradient(self._examples.x[rows], self._examples.y[rows], 0.0)
        vector = self._network.state.copy()
        self._network.restore(before)
        return vector

    def activations(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Of the layers that are looked at, float32 (n, units), by name."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self.representations}

        def record(name: str, value: np.ndarray) -> None:
            if name in parts:
                parts[name].append(value.reshape(len(value), -1).copy())

        state = self._predicting()
        for start in range(0, len(x), _AT_ONCE):
            scores = self._network.predict(x[start : start + _AT_ONCE], state, record)
            parts[OUTPUT].append(_softmax(scores).astype(np.float32))
        return {name: np.concatenate(own) for name, own in parts.items()}

    def inputs_variance(self, x: np.ndarray) -> dict[str, float]:
        """Of each weighted layer, the mean over its inputs (channels) of their variance over examples x."""
        entering = {v.name: v.inputs[0] for v in self.graph.vertices if v.name in self.layers}
        names = {number + 1: v.name for number, v in enumerate(self.graph.vertices)}
        sums: dict[int, list[Any]] = {value: [0, 0.0, 0.0] for value in entering.values()}

        def add(value: int, array: np.ndarray) -> None:
            if value in sums:
                flat = array.reshape(-1, array.shape[-1]).astype(np.float64)
                held = sums[value]
                held[0] += len(flat)
                held[1] += flat.sum(axis=0)
                held[2] += (flat * flat).sum(axis=0)

        numbers = {name: value for value, name in names.items()}
        state = self._predicting()
        for start in range(0, len(x), _AT_ONCE):
            batch = x[start : start + _AT_ONCE]
            add(0, batch)
            self._network.predict(batch, state, lambda name, v: add(numbers[name], v))
        variance = {
            value: float(np.maximum(s2 / n - (s1 / n) ** 2, 0.0).mean())
            for value, (n, s1, s2) in sums.items()
        }
        return {name: variance[value] for name, value in entering.items()}

    def losses(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Mean loss, nats a label, and error on examples."""
        total, wrong, state = 0.0, 0, self._predicting()
        for start in range(0, len(x), _AT_ONCE):
            scores = self._network.predict(x[start : start + _AT_ONCE], state)
            classes, shares = y[start : start + _AT_ONCE], _softmax(scores)
            own = shares[np.arange(len(classes)), classes]
            total -= float(np.log(np.maximum(own, 1e-300)).sum())
            wrong += int((scores.argmax(axis=1) != classes).sum())
        return total / len(x), wrong / len(x)


def _softmax(scores: np.ndarray) -> np.ndarray:
    """float32 (n, k) -> float64 (n, k), exactly."""
    shares = np.empty(scores.shape, np.float64)
    for row, out in zip(scores, shares, strict=True):
        softmax_row(row, 1.0, out)
    return shares


def facts(course: Course, examples: Examples, start: dict[str, np.ndarray], measured: bool) -> dict[str, Any]:
    """What is recorded of a checkpoint; ``start``: matrices of step 0; ``measured``: whether layers' ranges
    are."""
    mean, deviation = course.gradients()
    means, deviations = course.matrices(mean), course.matrices(deviation)
    now, variances = course.matrices(), course.inputs_variance(examples.x_measured)
    training, test = course.losses(examples.x, examples.y), course.losses(examples.x_test, examples.y_test)
    layers = {
        name: {
            "norm": float(np.linalg.norm(now[name])),
            "moved": float(np.linalg.norm(now[name] - start[name])),
            "gradient_mean": float(np.linalg.norm(means[name])),
            "gradient_deviation": float(np.linalg.norm(deviations[name])),
            "inputs_variance": variances[name],
        }
        for name in course.layers
    }
    told = {
        "step": course.step,
        "digest": course.digest,
        "training_loss": training[0],
        "training_error": training[1],
        "test_loss": test[0],
        "test_error": test[1],
        "gradient_mean": float(np.linalg.norm(mean)),
        "gradient_deviation": float(np.linalg.norm(deviation)),
        "layers": layers,
    }
    if measured:
        extents = {name: Extent.of(v) for name, v in course.activations(examples.x_measured).items()}
        told["extents"] = {name: [e.low, e.high, e.sums_to_one] for name, e in extents.items()}
    return told


def followed(course: Course, until: int, tell: Callable[[str], None]) -> None:
    """Trains until that step and tells how far it is: step, loss, time left."""
    steps, first, begun = course.recipe.steps[-1], course.step, time.monotonic()
    told = begun
    for loss in course.advance(until):
        now = time.monotonic()
        if now - told >= _TOLD_SECONDS:
            told = now
            left = (now - begun) / (course.step - first) * (steps - course.step)
            tell(f"step {course.step:,} of {steps:,}, loss {loss:.4f}, {left:.0f} s left")
