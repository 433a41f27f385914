"""Gaussian process regression refitted at every value (`--net kernel` of reals; formats/reals.md, section 5).

The kernel machine of `mdlcodec.predictors.kernel` read as Rasmussen & Williams 2006, chapter 2: the regression from
all earlier examples is a row of the Cholesky factor times the forward substitution, and the factor's pivot is the
deviation that it predicts, noise included. The mean is a constant with a broad prior (section 2.7 there): the
forward substitution of ones says how far the data speak against it.
"""

import numpy as np
from typing_extensions import override

from mdlcodec.compiled import njit
from mdlcodec.data.dataset import Inputs
from mdlcodec.exact.cholesky import ROWS, factorise_rows, in_threads, packed_size, row_starts
from mdlcodec.limits import Cost
from mdlcodec.predictors import kernel
from mdlcodec.predictors.contract import Predictor, RealFamily
from mdlcodec.predictors.kernel import SMALLEST_RIDGE, example_distances, fill_kernel, median_distance
from mdlcodec.predictors.objectives import REAL_SCORES
from mdlcodec.predictors.presets import KERNEL_REALS, KernelEffort, effort_of
from mdlcodec.saved import Saved

_MEAN_PRECISION = 0.1  # of the prior of the constant mean, in units of the kernel's variance


@njit(cache=True, nogil=True)
def _project(factors, starts, solved, i, known, projections):  # type: ignore[no-untyped-def]
    """projections[s] = (sum over j < known of u_ji z_j, the same of the ones' z_j)."""
    for s in range(solved.shape[0]):
        first, second = 0.0, 0.0
        for j in range(known):
            u = factors[s, starts[j] + i]
            first += u * solved[s, j, 0]
            second += u * solved[s, j, 1]
        projections[s, 0], projections[s, 1] = first, second


@njit(cache=True)
def _predict(factors, starts, i, projections, sums, out):  # type: ignore[no-untyped-def]
    """Mean and deviation of value i from all before it; sums[s]: of z_1 z_y, and of z_1^2 with the prior's."""
    for s in range(out.shape[0]):
        pivot = factors[s, starts[i] + i]
        mean = sums[s, 0] / sums[s, 1]
        left = 1.0 - projections[s, 1]
        out[s, 0] = projections[s, 0] + mean * left
        out[s, 1] = np.sqrt(pivot * pivot + (left * left) / sums[s, 1])


@njit(cache=True)
def _learn(factors, starts, solved, i, value, projections, sums):  # type: ignore[no-untyped-def]
    for s in range(solved.shape[0]):
        pivot = factors[s, starts[i] + i]
        y, one = (value - projections[s, 0]) / pivot, (1.0 - projections[s, 1]) / pivot
        solved[s, i, 0], solved[s, i, 1] = y, one
        sums[s, 0] += one * y
        sums[s, 1] += one * one


class KernelRegression(Predictor):
    """One regression per (width, ridge). See `mdlcodec.predictors.contract.Predictor`."""

    def __init__(self, n: int, distances: np.ndarray, effort: KernelEffort) -> None:
        """distances: of n >= 1 examples, as `kernel.example_distances` gives them."""
        self.sets = len(effort.kernels)
        median = median_distance(n, distances)
        self._factors, self._factorised = np.empty((self.sets, packed_size(n))), 0

        def fill(s: int) -> None:
            width, ridge = effort.kernels[s]
            scale = max(width * median, 1e-300)
            fill_kernel(n, distances, scale, max(ridge, SMALLEST_RIDGE), self._factors[s])

        in_threads(fill, range(self.sets))
        self._starts = row_starts(n)
        self._solved = np.zeros((self.sets, n, 2))
        self._sums = np.zeros((self.sets, 2))
        self._sums[:, 1] = _MEAN_PRECISION
        self._projections = np.zeros((self.sets, 2))
        self._projected = -1

    @override
    def block_end(self, start: int) -> int:
        """Every value informs the next."""
        return start + 1

    @override
    def predict(self, start: int, stop: int) -> np.ndarray:
        """One value, all before it learned."""
        if stop != start + 1:
            raise ValueError("asked to predict several values at once")
        while self._factorised < stop:
            first = self._factorised

            def factorise(s: int, first: int = first) -> None:
                factorise_rows(self._starts.size, self._factors[s], first)

            in_threads(factorise, range(self.sets))
            self._factorised += ROWS
        _project(self._factors, self._starts, self._solved, start, start, self._projections)
        self._projected = start
        out = np.empty((1, self.sets, REAL_SCORES))
        _predict(self._factors, self._starts, start, self._projections, self._sums, out[0])
        return out

    @override
    def learn(self, start: int, stop: int, labels: np.ndarray) -> None:
        if self._projected != start:
            raise ValueError(f"asked to learn value {start} that was not predicted")
        _learn(
            self._factors, self._starts, self._solved, start, float(labels[0]), self._projections, self._sums
        )

    @override
    def states(self) -> dict[str, np.ndarray]:
        return {"factors": self._factors, "solved": self._solved, "sums": self._sums}

    @override
    def saved(self) -> dict[str, np.ndarray]:
        """Nothing, as of `mdlcodec.predictors.kernel.KernelPredictor`."""
        return {}

    @override
    def restore(self, saved: Saved, labels: np.ndarray) -> None:
        for i in range(labels.size):
            self.predict(i, i + 1)
            self.learn(i, i + 1, labels[i : i + 1])


class KernelRegressionFamily(RealFamily):
    """Gaussian-process regression by the kernel machine."""

    @override
    def cost(self, inputs: Inputs, preset: int) -> Cost:
        return kernel.kernel_cost(inputs, REAL_SCORES, effort_of(KERNEL_REALS, preset))

    def start(self, inputs: Inputs, preset: int, seed: int) -> KernelRegression:
        """A machine that has seen no value yet."""
        effort = effort_of(KERNEL_REALS, preset)
        return KernelRegression(inputs.n, example_distances(inputs.features, effort, seed), effort)


FAMILY = KernelRegressionFamily()
