"""Section 4 of formats/reals.md written down a second time, in plain Python, and compared bit for bit."""

import math

import numpy as np
import pytest
from real_cases import numbers

from mdlcodec.data.reals import RealLabels, reals_of_array
from mdlcodec.entropy.numba_coder import NumbaEncoder, encode_bit
from mdlcodec.entropy.range_coder import shortest_bytes
from mdlcodec.exact.normal import normal_tail
from mdlcodec.mixing.cells import bound, standardised
from mdlcodec.mixing.real_mixture import RealMixture

_W = (0.6, 0.8, 1.0, 1.25, 1.7, 0.7)


def _divided(weights: list[float]) -> list[float]:
    total = 0.0
    for weight in weights:
        total += weight
    return [weight / total for weight in weights]


def _between(z0: float, z1: float, heavy: bool) -> float:
    t0, t1 = (0.5 / (1.0 + abs(z)) if heavy else normal_tail(abs(z)) for z in (z0, z1))
    lies = t1 - t0 if z1 <= 0 else t0 - t1 if z0 >= 0 else (1.0 - t0) - t1
    return max(lies, 0.0)


class ByTheText:
    """The mixture as the text has it, of a sender."""

    def __init__(self, sets: int, labels: RealLabels) -> None:
        self.grid, self.cells = labels.target.grid, labels.target.cells()
        self.sets, others = sets, 6 * (sets + (2 if sets > 1 else 0))
        self.prior = _divided([(47 / 64) / max(1, others)] * others + [(1 / 4) / 6] * 6 + [1 / 64])
        self.weights, self.spread = list(self.prior), [[1.0, 1.0] for _ in range(others // 6 + 1)]
        self.sum, self.number, self.t, self.encoder = 0.0, 1.0, 0, NumbaEncoder()

    def keep(self, sets: list[int]) -> None:
        sources = len(self.spread)
        kept = sets + ([self.sets, self.sets + 1] if len(sets) > 1 else []) + [sources - 1]
        experts = [6 * s + j for s in kept for j in range(6)] + [6 * sources]
        self.prior = _divided([self.prior[j] for j in experts])
        self.weights = _divided([self.weights[j] for j in experts])
        self.spread, self.sets = [self.spread[s] for s in kept], len(sets)

    def _sources(self, scores: np.ndarray) -> list[tuple[float, float]]:
        found = [(float(mean), float(deviation)) for mean, deviation in scores]
        roots = [math.sqrt(a / b) for a, b in self.spread]
        for pool in range(2 if self.sets > 1 else 0):
            w_sum, m_sum, d_sum = 0.0, 0.0, 0.0
            for (m, d), root in zip(found[: self.sets], roots, strict=False):
                sd = d * root
                w = 1.0 / (sd * sd)
                w = (w * w) * w if pool else w
                w_sum, m_sum, d_sum = w_sum + w, m_sum + w * m, d_sum + w * d
            found.append((m_sum / w_sum, d_sum / w_sum))
        found.append((self.sum / self.number, math.sqrt(1.0 + 1.0 / self.number)))
        return [(mean, deviation * root) for (mean, deviation), root in zip(found, roots, strict=True)]

    def _t(self, offset: int) -> tuple[float, float]:
        v = bound(self.grid.low + offset, *self.cells)
        return v, standardised(v, self.cells[1])

    def encode(self, scores: np.ndarray, index: int) -> float:
        """Codes one index, and learns."""
        sources, raw = self._sources(scores), self.grid.is_raw
        experts = [(mean, sd * w, j == 5) for mean, sd in sources for j, w in enumerate(_W)]
        narrow = 2.0**-20 * min(s for _, s, _ in experts)

        def probabilities(e0: float, e1: float) -> list[float]:
            return [_between((e0 - m) / s, (e1 - m) / s, heavy) for m, s, heavy in experts]

        def weighted(e0: float, e1: float) -> float:
            total = 0.0
            for weight, likely in zip(self.weights, probabilities(e0, e1), strict=False):
                total += weight * likely
            return total

        value, size = index - self.grid.low, self.grid.high - self.grid.low
        u, n = self.weights[-1] + 1 / 1024, float(size) + 1.0
        first, last, share, total, divided = 0, size, 1.0, None, None
        while first < last:
            middle = first + (last - first) // 2
            below, above = float(middle - first) + 1.0, float(last - middle)
            (v0, e0), (vm, em), (v1, e1) = self._t(first), self._t(middle + 1), self._t(last + 1)
            if divided is None and e1 - e0 <= narrow:
                divided = probabilities(e0, e1)
                total = weighted(e0, e1) if total is None else total
            if divided is not None:
                part = (vm - v0) / (v1 - v0) if raw and 0 < v1 - v0 < math.inf else below / (below + above)
                left, right = total * part, total * (1.0 - part)
            else:
                left, right = weighted(e0, em), weighted(em, e1)
            up = right + u * (above / n)
            p = up / ((left + u * (below / n)) + up)
            bit = value > middle
            encode_bit(self.encoder.state, self.encoder.words, bit, 1 + math.floor(p * 16777214))
            total = right if bit else left
            if divided is not None:
                share = share * ((1.0 - part) if bit else part)
            first, last = (middle + 1, last) if bit else (first, middle)
        e0, e1 = self._t(value)[1], self._t(value + 1)[1]
        likely = [p * share for p in (probabilities(e0, e1) if divided is None else divided)] + [1.0 / n]
        target = min(max(0.5 * (e0 + e1), -4.0), 4.0)
        self._learn(target, sources, likely)
        return target

    def _learn(self, target: float, sources: list[tuple[float, float]], likely: list[float]) -> None:
        mixed = 0.0
        for weight, p in zip(self.weights, likely, strict=True):
            mixed += weight * p
        share = 1.0 / (self.t + 2)
        keep = (1.0 - share) / mixed
        rows = zip(self.weights, likely, self.prior, strict=True)
        self.weights = [weight * p * keep + share * prior for weight, p, prior in rows]
        f = (self.t + 1) / (self.t + 2)
        for (mean, sd), spread in zip(sources, self.spread, strict=True):
            a, b = spread
            z = (target - mean) / ((sd * 0.6) / 0.6)
            r = min(12.0, z * z)
            a, b = a * f + r * (a / b), b * f + 1.0
            spread[:] = max(a, 1e-24 * b), b
        mean, sd = sources[-1]
        e = 3.4641016151377544 * ((sd * 0.6) / 0.6)
        self.sum += min(max(target, mean - e), mean + e)
        self.number += 1.0
        self.t += 1


_VALUES = numbers(60)[1]


@pytest.mark.parametrize(
    "values",
    [
        _VALUES,
        _VALUES.astype(np.float32) / np.float32(7),
        np.where(np.arange(60) % 20 == 9, 1e12, _VALUES),
        np.where(np.arange(60) % 9 == 0, -0.0, _VALUES / 7 * 10.0 ** (np.arange(60) - 30)),
    ],
)
@pytest.mark.parametrize("sets", [0, 1, 3])
def test_the_text_gives_the_same_bits(values, sets):
    labels = reals_of_array(values, "npy")
    random = np.random.default_rng(sets)
    scores = np.stack([random.normal(0, 1, (60, sets)), random.uniform(0.01, 1, (60, sets))], 2)
    mixture = RealMixture(sets, labels.target.grid.low, labels.target.grid.high, *labels.target.cells())
    text = ByTheText(sets, labels)
    text.encoder.reserve(66 * 60)
    for i in range(60):
        for at, kept in ((20, [0, 2]), (40, [1])):
            if sets == 3 and i == at:
                mixture.keep(kept)
                text.keep(kept)
                scores = scores[:, kept]
        targets = mixture.encode(scores[i : i + 1], labels.indices[i : i + 1])
        assert targets[0] == text.encode(scores[i], int(labels.indices[i]))
    assert mixture._weights.tolist() == text.weights
    assert mixture._prior.tolist() == text.prior
    assert mixture._spread.tolist() == [list(spread) for spread in text.spread]
    assert mixture._alone.tolist() == [text.sum, text.number]
    assert mixture.finish() == shortest_bytes(*text.encoder.interval())
