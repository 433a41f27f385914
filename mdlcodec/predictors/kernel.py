"""Kernel ridge regression refitted at every label (`--net kernel`; formats/kernel.md).

Regression of one-hot labels under an RBF kernel (Rasmussen & Williams 2006, Gaussian Processes for Machine
Learning, equation 2.25). The Cholesky factor U^T U = K + ridge does not depend on labels, and its column i
holds the regression from all earlier examples: f_i = sum_j<i u_ji z_j with z = U^-T Y by forward substitution.
One factorisation gives the prediction of every label from all labels before it.
"""

from functools import partial

import numpy as np
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.container.ids import NetId, Purpose
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import LimitExceeded
from mdlcodec.exact.cholesky import (
    ROWS,
    distances_between,
    factorise_rows,
    in_threads,
    packed_size,
    row_starts,
    solve_upper,
    squared_distances,
)
from mdlcodec.exact.elementary import exp, log
from mdlcodec.exact.random import Stream
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.predictors.contract import Enter, Predictor, PredictorFamily
from mdlcodec.predictors.kernel_features import dimensions, features_work, is_picture, kernel_columns
from mdlcodec.predictors.presets import KERNEL, KernelEffort, effort_of
from mdlcodec.saved import Saved

MOST_EXAMPLES = 16384
SMALLEST_RIDGE = 1e-3  # equal inputs are common: far above the rounding errors of a factorisation

# T = 2^(t / 4) for t = 0..28; 2^(1/4), 2^(1/2), 2^(3/4) to the nearest float64
_QUARTERS = (1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429)
TEMPERATURES = np.array([np.float64(1 << (t // 4)) * _QUARTERS[t % 4] for t in range(29)])
# operations that take as long as ...
_PRODUCT = 8  # a multiply-add of distances and factors, in float64
_PROJECTED = 50  # one of a projection, whose memory is far apart
_LABEL = 1_400_000  # asking for and learning a label
# nats: (log2 T - 3.5)^2 / 2, so that the first labels are predicted with T = 2^3.5
_PENALTIES = np.array([0.5 * ((0.25 * t - 3.5) * (0.25 * t - 3.5)) for t in range(29)])

_LEARNED_AT_ONCE = 256  # labels that are learned again
_SAMPLE = 512  # examples whose distances give the unit of length


def median_distance(n: int, distances: np.ndarray) -> float:
    """The median positive squared distance (of an even number: the upper one) among up to 512 examples.

    Takes packed distances float64 (n (n + 1) / 2,); example t of m = min(n, 512) is t * n // m. 1 when all
    are equal.
    """
    m = min(n, _SAMPLE)
    chosen = np.arange(m, dtype=np.int64) * n // m
    starts = row_starts(n)
    first, second = np.triu_indices(m, 1)
    sampled = distances[starts[chosen[first]] + chosen[second]]
    sampled = np.sort(sampled[sampled > 0.0])
    return float(sampled[sampled.size // 2]) if sampled.size else 1.0


@njit(cache=True, nogil=True)
def fill_kernel(n: int, distances: np.ndarray, scale: float, ridge: float, out: np.ndarray) -> None:
    """The kernel matrix, packed, of packed squared distances."""
    for p in range(distances.size):
        out[p] = exp(-(distances[p] / scale))
    p = 0
    for i in range(n):
        out[p] = 1.0 + ridge
        p += n - i


@njit(cache=True, nogil=True)
def _add_projections(
    factors: np.ndarray,
    starts: np.ndarray,
    residuals: np.ndarray,
    first: int,
    stop: int,
    i: int,
    means: np.ndarray,
) -> None:
    """means[s, c] += u_ji z_jc for j = first, first + 1, ..., stop - 1 in each set s."""
    sets, k = means.shape
    for s in range(sets):
        mean = means[s]
        for j in range(first, stop):
            u = factors[s, starts[j] + i]
            z = residuals[s, j]
            for c in range(k):
                mean[c] = mean[c] + u * z[c]


@njit(cache=True)
def _learn_label(
    factors: np.ndarray,
    starts: np.ndarray,
    residuals: np.ndarray,
    i: int,
    label: int,
    means: np.ndarray,
    temperatures: np.ndarray,
    losses: np.ndarray,
) -> None:
    """z_i = (y_i - f_i) / u_ii, and the codelength in nats of the label at each temperature."""
    sets, k = means.shape
    for s in range(sets):
        pivot = factors[s, starts[i] + i]
        largest = means[s, 0]
        for c in range(1, k):
            largest = means[s, c] if means[s, c] > largest else largest
        for c in range(k):
            target = (1.0 if c == label else 0.0) - 1.0 / np.float64(k)
            residuals[s, i, c] = (target - means[s, c]) / pivot
        for t in range(temperatures.size):
            total = 0.0
            for c in range(k):
                total = total + exp(temperatures[t] * (means[s, c] - largest))
            losses[s, t] = losses[s, t] + (log(total) - temperatures[t] * (means[s, label] - largest))


@njit(cache=True, nogil=True)
def _add_kernels(distances: np.ndarray, scale: float, duals: np.ndarray, means: np.ndarray) -> None:
    """means[i, c] += kernel(i, j) a_jc for j = 0, 1, ... of distances (m, n), duals (n, k), means (m, k)."""
    for i in range(means.shape[0]):
        for j in range(duals.shape[0]):
            weight = exp(-(distances[i, j] / scale))
            for c in range(duals.shape[1]):
                means[i, c] = means[i, c] + weight * duals[j, c]


@njit(cache=True)
def _best_temperatures(losses: np.ndarray, temperatures: np.ndarray, out: np.ndarray) -> None:
    """The temperature with the least codelength; the smallest of equals."""
    for s in range(losses.shape[0]):
        best = 0
        for t in range(1, temperatures.size):
            if losses[s, t] < losses[s, best]:
                best = t
        out[s] = temperatures[best]


def example_distances(features: np.ndarray, effort: KernelEffort, seed: int) -> np.ndarray:
    """Squared distances between examples, packed, float64 (n (n + 1) / 2,); features: float32 (n, ...)."""
    return squared_distances(kernel_columns(features, effort.filters, Stream(seed, Purpose.FILTERS)))


def distances_beside(features: np.ndarray, effort: KernelEffort, seed: int, others: np.ndarray) -> np.ndarray:
    """Squared distances float64 (m, n) of other examples (m, ...) to the examples (n, ...)."""
    columns = [kernel_columns(x, effort.filters, Stream(seed, Purpose.FILTERS)) for x in (features, others)]
    return distances_between(*columns)


class KernelPredictor(Predictor):
    """One ridge regression per (width, ridge). See `mdlcodec.predictors.contract.Predictor`.

    A score is T times the regression's f, where T is the inverse temperature with the least codelength of
    the labels so far: softmax(beta * score) is best around beta = 1.
    """

    def __init__(
        self, n: int, k: int, distances: np.ndarray, effort: KernelEffort, beside: Enter | None = None
    ) -> None:
        """distances: of n >= 1 examples, as `example_distances` gives them; beside: those of other examples to
        them, float64 (m, n), of their features."""
        self.sets, self._beside = len(effort.kernels), beside
        median = median_distance(n, distances)
        self._lengths = [max(width * median, 1e-300) for width, _ in effort.kernels]
        # kernel matrices; from row 0 to self._factorised, their factors
        self._factors, self._factorised = np.empty((self.sets, packed_size(n))), 0

        def fill(s: int) -> None:
            _, ridge = effort.kernels[s]
            fill_kernel(n, distances, self._lengths[s], max(ridge, SMALLEST_RIDGE), self._factors[s])

        in_threads(fill, range(self.sets))
        self._starts = row_starts(n)
        self._residuals = np.zeros((self.sets, n, k))  # z
        self._losses = np.tile(_PENALTIES, (self.sets, 1))
        self._scales = np.empty(self.sets)
        _best_temperatures(self._losses, TEMPERATURES, self._scales)
        self._known = 0
        self._predicted = (0, np.empty((0, self.sets, k)))

    def _factorise(self, stop: int) -> None:
        """A block of rows at a time, so that coding starts early and can be interrupted."""
        n = self._starts.size
        while self._factorised < stop:
            first = self._factorised

            def factorise(s: int, first: int = first) -> None:
                factorise_rows(n, self._factors[s], first)

            in_threads(factorise, range(self.sets))
            self._factorised += ROWS

    @override
    def block_end(self, start: int) -> int:
        """Every label informs the next."""
        return start + 1

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        """Labels 0..start-1 must have been learned."""
        if start != self._known:
            raise ValueError(f"asked to predict label {start} with {self._known} labels known")
        self._factorise(stop)
        means = np.zeros((stop - start, self.sets, self._residuals.shape[2]))
        for i in range(start, stop):
            _add_projections(self._factors, self._starts, self._residuals, 0, start, i, means[i - start])
        self._predicted = (start, means)
        return means * self._scales[None, :, None]

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        if self._predicted[0] != start or self._predicted[1].shape[0] < stop - start:
            self.predict(start, stop)
        for i in range(start, stop):
            means, label = self._predicted[1][i - start], int(labels[i - start])
            _add_projections(self._factors, self._starts, self._residuals, start, i, i, means)
            _learn_label(
                self._factors, self._starts, self._residuals, i, label, means, TEMPERATURES, self._losses
            )
        _best_temperatures(self._losses, TEMPERATURES, self._scales)
        self._known, self._predicted = stop, (stop, self._predicted[1][:0])

    @override
    def answers(self, features: np.ndarray) -> np.ndarray:
        assert self._beside is not None
        distances, known = self._beside(features), self._known
        means = np.zeros((self.sets, len(distances), self._residuals.shape[2]))

        def ask(s: int) -> None:
            duals = self._residuals[s, :known].copy()
            solve_upper(self._factors[s], self._starts, duals)
            _add_kernels(distances, self._lengths[s], duals, means[s])

        in_threads(ask, range(self.sets))
        return means.transpose(1, 0, 2) * self._scales[None, :, None]

    @override
    def states(self) -> dict[str, np.ndarray]:
        return {"factors": self._factors, "residuals": self._residuals}

    @override
    def saved(self) -> dict[str, np.ndarray]:
        """Nothing: the factor is too large to be written often, and next to it all else is soon computed."""
        return {}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        for start in range(0, labels.size, _LEARNED_AT_ONCE):
            stop = min(labels.size, start + _LEARNED_AT_ONCE)
            self.learn(start, stop, labels[start:stop])


def _work(n: int, sets: int, k: int, shape: tuple[int, ...], filters: int) -> int:
    """Operations: features, distances and kernels of all pairs, factors, and what every label is predicted from."""
    pairs = n * n // 2
    work = n * features_work(shape, filters) + _PRODUCT * pairs * dimensions(shape, filters)
    work += sets * (EXPONENTIAL * pairs + _PRODUCT * pairs * n // 3 + _PROJECTED * pairs * k)
    return work + n * (_LABEL + EXPONENTIAL * sets * k * TEMPERATURES.size)


def kernel_cost(inputs: Inputs, k: int, effort: KernelEffort) -> Cost:
    """What factors and regressions of k columns take. Raises LimitExceeded above 16,384 examples: a factor takes
    4 n^2 bytes."""
    n = inputs.n
    if n > MOST_EXAMPLES:
        raise LimitExceeded(
            f"the kernel predictor takes at most {MOST_EXAMPLES:,} examples, not {n:,}; "
            "choose --net mlp or cnn, or fewer examples with --limit"
        )
    shape, sets = inputs.features.shape[1:], len(effort.kernels)
    # features (twice while they are transposed) and distances; then distances and factors
    columns = 16 * n * dimensions(shape, effort.filters) + (
        inputs.features.nbytes if is_picture(shape) else 0
    )
    factors = 8 * sets * (packed_size(n) + n * k)
    memory = 8 * packed_size(n) + max(columns, factors) + inputs.features.nbytes
    return Cost(sets * n * k, _work(n, sets, k, shape, effort.filters), memory, sets)


class KernelFamily(PredictorFamily):
    """The kernel machine for classes."""

    name = "kernel"
    number: int = NetId.KERNEL

    @override
    def cost(self, inputs: Inputs, k: int, preset: int) -> Cost:
        """Raises LimitExceeded above 16,384 examples."""
        return kernel_cost(inputs, k, effort_of(KERNEL, preset))

    @override
    def start(self, inputs: Inputs, k: int, preset: int, seed: int) -> KernelPredictor:
        effort = effort_of(KERNEL, preset)
        beside = partial(distances_beside, inputs.features, effort, seed)
        distances = example_distances(inputs.features, effort, seed)
        return KernelPredictor(inputs.n, k, distances, effort, beside)


FAMILY = KernelFamily()
