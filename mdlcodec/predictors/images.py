"""Networks that learn from passes over all images so far (formats/prequential.md, "Large images in colour").

Between blocks every member takes steps on batches of a permutation of all examples whose labels are known; new ones
are shuffled into what is left of it. The running mean of the weights predicts, over several views.
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
from mdlcodec.exact.muon import Muon, Part
from mdlcodec.exact.optimisers import move_towards
from mdlcodec.exact.random import Stream
from mdlcodec.exact.threads import Chain, chains_at_once
from mdlcodec.limits import Cost
from mdlcodec.mixing.pools import mean_log_probabilities
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.graph import Graph, channels_first
from mdlcodec.nn.losses import Loss, cross_entropy
from mdlcodec.nn.node import Shape
from mdlcodec.nn.work import prediction_work, step_work
from mdlcodec.predictors.augmentation import pasted, shifted, views_of
from mdlcodec.predictors.contract import Enter, Predictor
from mdlcodec.predictors.network_predictor import WARPED, block_end, integer_root
from mdlcodec.predictors.pictures import moved_by_a_place
from mdlcodec.predictors.warps import Warp, warped
from mdlcodec.predictors.whitening import whitening_memory
from mdlcodec.saved import Saved, joined, part_of, taken, whole

_GROWTH = 10  # a block is a tenth of the labels before it
_BATCH, _LEAST_BATCH = 64, 16
_SHIFT = 2  # places that images are shifted by, at most
_PREDICTED_AT_ONCE = 128
_HORIZON = 30  # the running mean is over the last part, one in 31, of all steps
_FULL_RATE = 10_000  # images until which the rate stays as it is
_MATRIX_RATE, _VECTOR_RATE, _OUTPUT_RATE = 0.1, 0.02, 0.2
_MATRIX_MOMENTUM, _VECTOR_MOMENTUM = 0.6, 0.85
# operations that take as long as augmenting a value, and calling a product
_AUGMENTED, _PRODUCT = 200, 1_400_000


@dataclass(frozen=True)
class ImageRecipe:
    """Everything that decides what a predictor of images learns; a preset gives one."""

    graph: Graph
    members: int
    # T(labels) = floor(scale * labels^(3/4)) images are seen once so many labels are known
    scale: int
    warp: Warp | None = None  # of images in training, in place of shifts, mirrored images and cutmix

    def views(self, images: np.ndarray) -> list[np.ndarray]:
        """What predictions are averaged over, float32 (m, h, w, c) each; none is mirrored if images are warped in
        training."""
        return views_of(images) if self.warp is None else moved_by_a_place(images)

    def block_end(self, start: int) -> int:
        """Where the block that begins at ``start`` ends."""
        return block_end(start, _GROWTH)

    def images(self, labels: int) -> int:
        """T: images seen in training by the time that so many labels are known."""
        return integer_root(self.scale**4 * labels**3, 4)  # integers

    def batch_of(self, known: int) -> int:
        """Images in a batch."""
        return min(_BATCH, max(_LEAST_BATCH, known // 2))

    def steps(self, n: int) -> int:
        """Steps of one member over n labels; the last block is not learned from."""
        total, owed, before, known = 0, 0, 0, min(n, self.block_end(0))
        while known < n:
            owed += self.images(known) - self.images(before)
            total += owed // self.batch_of(known)
            owed %= self.batch_of(known)
            before, known = known, min(n, self.block_end(known))
        return total


def _parts(network: Network) -> list[Part]:
    """How the tensors of a network move: kernels as matrices, outputs and biases by their momentum."""
    parts = []
    for start, shape in network.layout:
        stop = start + math.prod(shape)
        if len(shape) == 4:
            parts.append(Part(start, stop, shape[0], _MATRIX_RATE, _MATRIX_MOMENTUM))
        elif len(shape) == 2:  # weights are 1 / columns in size, and so are their moves
            rate = _OUTPUT_RATE / (shape[1] * shape[1])
            parts.append(Part(start, stop, None, rate, _VECTOR_MOMENTUM))
        else:
            parts.append(Part(start, stop, None, _VECTOR_RATE, _VECTOR_MOMENTUM))
    return parts


class _Member:
    """A network, its optimiser and its streams, and where it is in its pass over the examples."""

    def __init__(
        self, features: np.ndarray, recipe: ImageRecipe, seed: int, number: int, arithmetic: Arithmetic
    ) -> None:
        self.functions = arithmetic.functions
        self._features, self._recipe = features, recipe
        initial, noise = Stream(seed, Purpose.INITIAL, number), Stream(seed, Purpose.NOISE, number)
        shape = channels_first(features.shape[1:])
        self.network = Network(recipe.graph, shape, arithmetic, initial, noise)
        self.optimiser = Muon(self.network.trained, _parts(self.network), arithmetic)
        self.average = self.functions.array(self.network.state.copy())
        self._batches, self._views = (
            Stream(seed, Purpose.BATCHES, number),
            Stream(seed, Purpose.WARPS, number),
        )
        self._faces = self._batches.words(features.shape[0]) >> np.uint64(63)  # how an example is seen first
        self._waiting = np.empty(0, np.int64)
        self._passes = self.steps = 0

    def enter(self, start: int, stop: int) -> None:
        """Examples whose labels are known now: they join the pass that is under way."""
        waiting = np.concatenate([self._waiting, np.arange(start, stop)])
        self._waiting = waiting[self._batches.permutation(waiting.size)]

    def _rows(self, known: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The next examples, int64 (batch,), and which of them are mirrored, bool (batch,)."""
        rows, faces = np.empty(0, np.int64), np.empty(0, np.uint64)
        while rows.size < batch:
            if not self._waiting.size:
                self._waiting, self._passes = self._batches.permutation(known), self._passes + 1
            some = self._waiting[: batch - rows.size]
            self._waiting = self._waiting[some.size :]
            rows = np.concatenate([rows, some])
            faces = np.concatenate([faces, self._faces[some] ^ np.uint64(self._passes & 1)])
        return rows, faces == np.uint64(1)

    def step(self, labels: np.ndarray, known: int) -> None:
        """One step on examples 0..known-1."""
        recipe = self._recipe
        rows, mirrored = self._rows(known, recipe.batch_of(known))
        targets = labels[rows]
        loss: Loss = cross_entropy
        if recipe.warp is not None:
            x = warped(self._features, rows, recipe.warp, self._views)
        else:
            x = shifted(self._features, rows, mirrored, _SHIFT, self._views)
            mixed = pasted(x, self._views)
            if mixed is not None:
                loss = partial(cross_entropy, seconds=targets[mixed.others], share=mixed.share)
        _, gradient, _ = self.network.gradient(x, targets, 0.0, loss)
        self.steps += 1
        seen = max(_FULL_RATE, self.steps * _BATCH)
        rate = float(np.sqrt(np.float64(_FULL_RATE) / np.float64(seen)))
        self.optimiser.step(self.network.trained, gradient, rate)
        move = np.float32((_HORIZON + 1.0) / (self.steps + _HORIZON))
        move_towards(self.average, self.network.vector, move)

    def predict(self, views: Sequence[np.ndarray], out: np.ndarray) -> None:
        """Means over views, float32 (m, h, w, c) each, of logarithms of probabilities, to out, float64 (m, k)."""
        total, one = np.zeros(out.shape), np.empty(out.shape)
        for view in views:
            mean_log_probabilities(self.network.predict(view, self.average)[None], one)
            total = total + one
        out[...] = total / np.float64(len(views))

    def saved(self) -> dict[str, np.ndarray]:
        """See Predictor."""
        return {
            **joined({"network": self.network.saved(), "optimiser": self.optimiser.saved()}),
            "average": self.functions.read(self.average),
            "waiting": self._waiting,
            "passes": np.array(self._passes, np.int64),
            "steps": np.array(self.steps, np.int64),
            "batches": np.array(self._batches.position, np.int64),
            "views": np.array(self._views.position, np.int64),
        }

    def restore(self, saved: Saved, known: int) -> None:
        """See Predictor."""
        self.network.restore(part_of(saved, "network"))
        self.optimiser.restore(part_of(saved, "optimiser"))
        held = taken(saved, "average", np.float32, tuple(self.average.shape))
        self.average[...] = self.functions.array(held)
        size = min(known, saved["waiting"].size) if "waiting" in saved else 0
        self._waiting = taken(saved, "waiting", np.int64, (size,), 0, max(0, known - 1)).copy()
        self._passes, self.steps = whole(saved, "passes"), whole(saved, "steps")
        self._batches.seek(whole(saved, "batches"))
        self._views.seek(whole(saved, "views"))


class ImagePredictor(Predictor):
    """Members trained side by side. See `mdlcodec.predictors.contract.Predictor`.

    Score sets: each member's, the mean of its views' logarithms of probabilities; with several members, the
    logarithm of their mean probability besides.
    """

    def __init__(
        self,
        features: np.ndarray,
        k: int,
        recipe: ImageRecipe,
        seed: int,
        first: int = 0,
        at_once: int | None = None,
        enter: Enter = np.asarray,
    ) -> None:
        """features: float32 (n, h, w, c); k classes; first: number of the first member's streams; at_once: examples
        predicted together, which changes no bit; enter: what features of other examples become."""
        self._features, self._recipe, self._k, self._enter = features, recipe, k, enter
        self._unlearned = (0, 0)  # the last block
        self._at_once = _PREDICTED_AT_ONCE if at_once is None else at_once
        self._arithmetic = chosen_arithmetic()
        self._members = [
            _Member(features, recipe, seed, first + i, self._arithmetic) for i in range(recipe.members)
        ]
        self._labels = np.empty(features.shape[0], np.int64)
        self._owed = 0  # images that are yet to be seen
        self.sets = recipe.members + (recipe.members > 1)

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
        """Score sets of images (m, h, w, c)."""
        out = np.empty((len(features), self.sets, self._k))
        for first in range(0, len(features), self._at_once):
            last = min(len(features), first + self._at_once)
            views = self._recipe.views(features[first:last])
            own = np.empty((len(self._members), last - first, self._k))
            self._arithmetic.run(
                [Chain(partial(member.predict, views, own[i])) for i, member in enumerate(self._members)]
            )
            out[first:last, : len(own)] = own.transpose(1, 0, 2)
            if len(own) > 1:
                mean = np.empty(own.shape[1:])
                mean_log_probabilities(own, mean)
                out[first:last, -1] = mean
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
        recipe = self._recipe
        self._owed += recipe.images(stop) - recipe.images(start)
        steps, self._owed = divmod(self._owed, recipe.batch_of(stop))
        for member in self._members:
            member.enter(start, stop)
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
            states[f"network {number} state"] = member.network.state
            states[f"network {number} averaged state"] = member.functions.read(member.average)
        return states

    @override
    def saved(self) -> dict[str, np.ndarray]:
        members = joined({str(number): member.saved() for number, member in enumerate(self._members)})
        return {"owed": np.array(self._owed, np.int64), **members}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        self._labels[: labels.size] = labels
        self._owed = whole(saved, "owed", _BATCH - 1)
        for number, member in enumerate(self._members):
            member.restore(part_of(saved, str(number)), labels.size)


def _muon_work(graph: Graph, shape: Shape) -> int:
    """Operations of making the kernels' moves orthogonal once."""
    work = 0
    for parameter in graph.parameters(shape).values():
        if len(parameter.shape) == 4:
            columns = math.prod(parameter.shape[1:])  # integers
            few, many = sorted((parameter.shape[0], columns))
            work += 3 * (2 * few * few * many + few * few * few) + 9 * _PRODUCT
    return work


def image_cost(n: int, shape: Shape, recipe: ImageRecipe) -> Cost:
    """What training on n images (c, h, w) will take, before anything is allocated."""
    parameters = sum(math.prod(p.shape) for p in recipe.graph.parameters(shape).values())  # integers
    batch = 32 * recipe.graph.values(shape) * max(_BATCH, _PREDICTED_AT_ONCE) + (1 << 27)
    batch *= chains_at_once(recipe.members)
    # weights, gradient, momentum, average, block integers and planes
    weights = 48 * parameters * recipe.members
    known = 16 * n * recipe.members  # examples that wait, and how each is seen first
    step = step_work(recipe.graph, shape, _BATCH)
    step += (_AUGMENTED if recipe.warp is None else WARPED) * _BATCH * math.prod(shape)  # integers
    step += _muon_work(recipe.graph, shape)
    predicted = prediction_work(recipe.graph, shape, n, _PREDICTED_AT_ONCE)
    views = len(recipe.views(np.empty((0, *shape[1:], shape[0]), np.float32)))
    work = recipe.members * (recipe.steps(n) * step + views * predicted)
    sets = recipe.members + (recipe.members > 1)
    memory = weights + batch + known + whitening_memory((n, *shape[1:], shape[0]))
    return Cost(parameters * recipe.members, work, memory, sets)
