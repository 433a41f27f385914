"""Real numbers under a Bayesian mixture of predictive densities, integrated over cells (formats/reals.md).

Sources give a mean and a deviation each; experts are normal densities of several widths and one with a heavy tail
around every source's mean, and the uniform distribution over the indices, whose share never falls below a floor: no
value costs much more than the bits of its own index. Weights follow fixed share, as in `switch_distribution`. A
value is coded by binary decisions, halving the indices; what is less than 2^-20 of the smallest deviation wide is
divided by width.
"""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.entropy.numba_coder import decode_bit, encode_bit
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.normal import normal_tail
from mdlcodec.mixing.cells import bound, learned, learned_from, standardised
from mdlcodec.mixing.halving import FREE, Coder
from mdlcodec.saved import Saved, damaged, taken

# deviations of a source's normal experts, in units of its own; the heavy one has the last
WIDTHS = np.array([0.6, 0.8, 1.0, 1.25, 1.7, 0.7])
_EXPERTS = WIDTHS.size
_UNIFORM_PRIOR = 1.0 / 64.0  # its prior weight
UNIFORM_FLOOR = 1.0 / 1024.0  # added to its weight, of the weight of all
_ALONE_PRIOR = 0.25  # prior weight of the source without inputs
NARROW = 9.5367431640625e-07  # 2^-20
_LARGEST_RESIDUAL = 12.0  # a squared residual counts for no more than so many variances
_LARGEST_STEP = 3.4641016151377544  # its square root
_SMALLEST_VARIANCE = 1e-24
NOT_FINITE = -1.0  # in place of a probability or a deviation


@njit(cache=True)
def _lower_part(v0, vm, v1, below, above, grid):  # type: ignore[no-untyped-def]
    """The lower part of a node that is divided by width; decimal cells are of one width."""
    if grid[0] > 0 and v1 - v0 > 0.0 and v1 - v0 < np.inf:
        return (vm - v0) / (v1 - v0)
    return below / (below + above)


@njit(cache=True)
def tail(z, heavy):  # type: ignore[no-untyped-def]
    """Probability beyond |z| on its side, at most 1/2."""
    a = abs(z)
    return 0.5 / (1.0 + a) if heavy else normal_tail(a)


@njit(cache=True)
def mass(z0, tail0, z1, tail1):  # type: ignore[no-untyped-def]
    """Probability between z0 and z1 > z0."""
    if z1 <= 0.0:
        mass = tail1 - tail0
    elif z0 >= 0.0:
        mass = tail0 - tail1
    else:
        mass = (1.0 - tail0) - tail1
    return mass if mass > 0.0 else 0.0


@njit(cache=True)
def _fill_experts(scores, alone, spread, means, deviations):  # type: ignore[no-untyped-def]
    """Means and deviations of all experts; returns the smallest deviation, -1 if anything is not finite."""
    sets = scores.shape[0]
    smallest = np.inf
    # pools: the sources' mean, weighted by their precision, and by its cube
    for pool in range(2 if sets > 1 else 0):
        total, mean, deviation = 0.0, 0.0, 0.0
        for s in range(sets):
            sd = scores[s, 1] * np.sqrt(spread[s, 0] / spread[s, 1])
            weight = 1.0 / (sd * sd)
            if pool == 1:
                weight = weight * weight * weight
            total += weight
            mean += weight * scores[s, 0]
            deviation += weight * scores[s, 1]
        means[(sets + pool) * _EXPERTS] = mean / total
        deviations[(sets + pool) * _EXPERTS] = deviation / total
    sources = spread.shape[0]
    for s in range(sources):
        first = s * _EXPERTS
        if s < sets:
            mean, sd = scores[s, 0], scores[s, 1]
        elif s == sources - 1:
            mean, sd = alone[0] / alone[1], np.sqrt(1.0 + 1.0 / alone[1])
        else:
            mean, sd = means[first], deviations[first]
        sd = sd * np.sqrt(spread[s, 0] / spread[s, 1])
        if not (abs(mean) < 1e100 and sd > 0.0 and sd < 1e100):
            return NOT_FINITE
        for j in range(_EXPERTS):
            means[first + j] = mean
            deviations[first + j] = sd * WIDTHS[j]
            if deviations[first + j] < smallest:
                smallest = deviations[first + j]
    return smallest


@njit(cache=True)
def code_index(
    value,
    words,
    state,
    encoding,
    size,
    low,
    grid,
    numbers,
    means,
    deviations,
    group,
    smallest,
    weights,
    likely,
):  # type: ignore[no-untyped-def]
    """Codes (or decodes) one offset 0..size-1 (size as uint64, less 1); fills experts' probabilities of it.

    Every ``group`` of experts ends with one that has a heavy tail. Returns the offset, uint64, and the probability
    that it was coded with.
    """
    experts = means.size
    zero, one = np.uint64(0), np.uint64(1)
    first, last = zero, size
    count = np.float64(size) + 1.0
    v0, v1 = bound(low, grid, numbers), bound(low + np.int64(size) + 1, grid, numbers)
    e0, e1 = standardised(v0, numbers), standardised(v1, numbers)
    z0, t0, z1, t1 = np.empty(experts), np.empty(experts), np.empty(experts), np.empty(experts)
    zm, tm = np.empty(experts), np.empty(experts)
    total = 0.0
    for j in range(experts):
        heavy = j % group == group - 1
        z0[j], z1[j] = (e0 - means[j]) / deviations[j], (e1 - means[j]) / deviations[j]
        t0[j], t1[j] = tail(z0[j], heavy), tail(z1[j], heavy)
        likely[j] = mass(z0[j], t0[j], z1[j], t1[j])
        total += weights[j] * likely[j]
    uniform = weights[experts] + UNIFORM_FLOOR
    # of the node: the experts' weighted probability once it is divided by width; its part of the experts' node
    narrow, share, probability = False, 1.0, 1.0
    while first < last:
        middle = first + ((last - first) >> one)
        vm = bound(low + np.int64(middle) + 1, grid, numbers)
        em = standardised(vm, numbers)
        below = np.float64(middle - first) + 1.0
        above = np.float64(last - middle)
        if not narrow and e1 - e0 <= NARROW * smallest:
            narrow = True
        if narrow:
            part = _lower_part(v0, vm, v1, below, above, grid)
            left, right = total * part, total * (1.0 - part)
        else:
            left, right = 0.0, 0.0
            for j in range(experts):
                zm[j] = (em - means[j]) / deviations[j]
                tm[j] = tail(zm[j], j % group == group - 1)
                left += weights[j] * mass(z0[j], t0[j], zm[j], tm[j])
                right += weights[j] * mass(zm[j], tm[j], z1[j], t1[j])
        up = right + uniform * (above / count)
        p = up / ((left + uniform * (below / count)) + up)
        if not (p >= 0.0 and p <= 1.0):
            return zero, NOT_FINITE
        ones = 1 + int(p * FREE)
        if encoding:
            bit = value > middle
            encode_bit(state, words, bit, ones)
        else:
            bit = decode_bit(state, words, ones) == 1
        probability = probability * (np.float64(ones if bit else 16777216 - ones) * 5.960464477539063e-08)
        if bit:
            first, v0, e0 = middle + one, vm, em
            total = right
        else:
            last, v1, e1 = middle, vm, em
            total = left
        if narrow:
            share = share * ((1.0 - part) if bit else part)
        else:
            for j in range(experts):
                if bit:
                    z0[j], t0[j] = zm[j], tm[j]
                else:
                    z1[j], t1[j] = zm[j], tm[j]
                likely[j] = mass(z0[j], t0[j], z1[j], t1[j])
    for j in range(experts):
        likely[j] = likely[j] * share
    likely[experts] = 1.0 / count
    return first, probability


@njit(cache=True)
def _learn(target, step, scores, alone, spread, means, deviations, likely, prior, weights):  # type: ignore[no-untyped-def]
    """Weights by fixed share, then the sources' deviations and the mean without inputs."""
    mixed = 0.0
    for j in range(weights.size):
        mixed += weights[j] * likely[j]
    share = 1.0 / np.float64(step + 2)
    keep = (1.0 - share) / mixed
    for j in range(weights.size):
        weights[j] = weights[j] * likely[j] * keep + share * prior[j]
    fading = np.float64(step + 1) / np.float64(step + 2)  # weights grow in proportion to their number
    for s in range(spread.shape[0]):
        variance = spread[s, 0] / spread[s, 1]
        deviation = deviations[s * _EXPERTS] / WIDTHS[0]
        residual = (target - means[s * _EXPERTS]) / deviation
        squared = residual * residual
        if squared > _LARGEST_RESIDUAL:
            squared = _LARGEST_RESIDUAL
        spread[s, 0] = spread[s, 0] * fading + squared * variance
        spread[s, 1] = spread[s, 1] * fading + 1.0
        if spread[s, 0] < _SMALLEST_VARIANCE * spread[s, 1]:
            spread[s, 0] = _SMALLEST_VARIANCE * spread[s, 1]
    last = spread.shape[0] - 1
    mean, most = means[last * _EXPERTS], _LARGEST_STEP * (deviations[last * _EXPERTS] / WIDTHS[0])
    alone[0] += min(max(target, mean - most), mean + most)
    alone[1] += 1.0


@njit(cache=True)
def _code_rows(
    indices, targets, words, coder, encoding, size, low, grid, numbers, scores, step,
    alone, spread, means, deviations, weights, likely, prior,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Codes or decodes a block, learning after every value; probability
    over 2^-bits, and bits; -1 where a prediction is not finite."""
    nats = 1.0
    bits = 0
    for i in range(indices.size):
        smallest = _fill_experts(scores[i], alone, spread, means, deviations)
        if not smallest > 0.0:
            return NOT_FINITE, bits
        value = np.uint64(indices[i] - low) if encoding else np.uint64(0)
        offset, probability = code_index(
            value,
            words,
            coder,
            encoding,
            size,
            low,
            grid,
            numbers,
            means,
            deviations,
            _EXPERTS,
            smallest,
            weights,
            likely,
        )
        if not probability > 0.0:
            return NOT_FINITE, bits
        index = low + np.int64(offset)
        indices[i] = index
        targets[i] = learned(index, grid, numbers)
        _learn(targets[i], step + i, scores[i], alone, spread, means, deviations, likely, prior, weights)
        nats = nats * probability
        while nats < 0.5:
            nats = nats * 2.0
            bits += 1
    return nats, bits


def _normalised(weights: np.ndarray) -> np.ndarray:
    """Divided by their sum, added in order."""
    total = np.float64(0.0)
    for weight in weights:
        total = total + weight
    return weights / total


class RealMixture(Coder):
    """The mixture's state, and the coder that goes with it: of a sender, or of a receiver of ``payload``.

    low, high: range of the indices; grid, numbers: see ``bound``.
    """

    def __init__(
        self,
        sets: int,
        low: int,
        high: int,
        grid: np.ndarray,
        numbers: np.ndarray,
        payload: bytes | None = None,
    ) -> None:
        super().__init__(payload)
        self._low, self._size, self._grid, self._numbers = low, np.uint64(high - low), grid, numbers
        self._sets = sets
        sources = sets + (2 if sets > 1 else 0)
        self._prior = np.full((sources + 1) * _EXPERTS + 1, (1.0 - _ALONE_PRIOR - _UNIFORM_PRIOR))
        self._prior[: sources * _EXPERTS] /= max(1, sources * _EXPERTS)
        self._prior[sources * _EXPERTS : -1] = _ALONE_PRIOR / _EXPERTS
        self._prior[-1] = _UNIFORM_PRIOR
        self._prior = _normalised(self._prior)
        self._weights = self._prior.copy()
        self._alone = np.array([0.0, 1.0])  # sum of targets, and number, one at 0 counted beforehand
        self._spread = np.ones((sources + 1, 2))
        self._step = 0

    def keep(self, sets: list[int]) -> None:
        """Goes on with these sets alone, by number: the others' weight is shared out in proportion."""
        kept = list(sets)
        if len(sets) > 1:
            kept += [self._sets, self._sets + 1]
        kept.append(self._spread.shape[0] - 1)
        experts = [s * _EXPERTS + j for s in kept for j in range(_EXPERTS)] + [self._weights.size - 1]
        self._prior = _normalised(self._prior[experts])
        self._weights = _normalised(self._weights[experts])
        self._spread = self._spread[kept].copy()
        self._sets = len(sets)

    def saved(self) -> dict[str, np.ndarray]:
        """All that was coded and learned."""
        learned = {
            "prior": self._prior,
            "weights": self._weights,
            "alone": self._alone,
            "spread": self._spread,
        }
        return {**super().saved(), **learned}

    def restore(self, saved: Saved, values: int) -> None:
        """Goes on after so many values, with as many sets as there were then. Raises CorruptFile."""
        super().restore(saved, values)
        smallest, largest = np.finfo(np.float64).tiny, np.finfo(np.float64).max
        for name, own in (("prior", self._prior), ("weights", self._weights), ("spread", self._spread)):
            own[...] = taken(saved, name, np.float64, own.shape, smallest, largest)
        self._alone[...] = taken(saved, "alone", np.float64, self._alone.shape, -largest, largest)
        if self._alone[1] < 1.0:
            raise damaged("alone")
        self._step = values

    def targets(self, indices: np.ndarray) -> np.ndarray:
        """What was learned from indices int64 (m,), float64 (m,)."""
        return learned_from(indices, self._grid, self._numbers)

    def encode(self, scores: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Codes indices int64 (m,) under scores float64 (m, sets, 2); the targets, float64 (m,).

        Raises InexactComputation where a prediction is not finite.
        """
        return self.decode(scores, indices.copy())

    def decode(self, scores: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Fills indices int64 (m,) that `encode` coded (of a sender: codes them); the targets. Any bytes give some
        indices in the range."""
        words, coder, encoding = self._state(indices.size)
        experts, targets = self._weights.size - 1, np.empty(indices.size)
        means, deviations, likely = np.empty(experts), np.empty(experts), np.empty(experts + 1)
        left, bits = _code_rows(
            indices, targets, words, coder, encoding, self._size, self._low, self._grid, self._numbers,
            np.ascontiguousarray(scores), self._step, self._alone, self._spread, means, deviations,
            self._weights, likely, self._prior,
        )  # fmt: skip
        if not left > 0.0:
            raise InexactComputation("a prediction is NaN or infinite; try another preset or network")
        self._step += indices.size
        self._count(left, bits)
        return targets
