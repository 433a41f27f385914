"""Densities of real numbers, and how an index is coded (formats/reals.md, sections 4 and 6)."""

import math

from decoder.elementary import normal_tail
from decoder.frame import Damaged
from decoder.range_coder import Decoder, Encoder

WIDTHS = (0.6, 0.8, 1.0, 1.25, 1.7, 0.7)  # of the experts of a source; the last has the heavy tail


def _sum(terms):
    total = 0.0
    for term in terms:
        total = total + term
    return total


def _divided(weights):
    total = _sum(weights)
    return [weight / total for weight in weights]


def between(z0, z1, heavy):
    """Probability between two standardised ends."""
    t0, t1 = (0.5 / (1.0 + abs(z)) if heavy else normal_tail(abs(z)) for z in (z0, z1))
    lies = t1 - t0 if z1 <= 0 else t0 - t1 if z0 >= 0 else (1.0 - t0) - t1
    return max(lies, 0.0)


class IndexCoder:
    """Decodes indices, or codes those given, under experts (mean, deviation, heavy); its encoder does it again."""

    def __init__(self, grid, payload=None, indices=None):
        self.grid, self.decoder, self.encoder = grid, Decoder(payload or b""), Encoder()
        self.given = None if indices is None else iter(indices)

    def bit(self, p, bit):
        """A bit of probability p of a 1; the one given, or the next one of the payload."""
        if not 0.0 <= p <= 1.0:
            raise Damaged("a probability is not within 0..1")
        ones = 1 + math.floor(p * 16777214)
        if bit is None:
            bit = bool(self.decoder.bit(ones))
        zeros = (1 << 24) - ones
        self.encoder.symbol(zeros if bit else 0, ones if bit else zeros)
        return bit

    def _edge(self, offset):
        value = self.grid.bound(self.grid.low + offset)
        return value, self.grid.standardised(value)

    def code(self, experts, weights):
        """(index, probabilities of all experts and of the uniform distribution); weights end with the latter's."""
        if not all(abs(m) < 1e100 and 0.0 < s < 1e100 for m, s, _ in experts):
            raise Damaged("a mean or a deviation is out of range")
        low, size = self.grid.low, self.grid.high - self.grid.low
        value = None if self.given is None else int(next(self.given)) - low
        narrow = 2.0**-20 * min(s for _, s, _ in experts)

        def probabilities(e0, e1):
            return [between((e0 - m) / s, (e1 - m) / s, heavy) for m, s, heavy in experts]

        def weighted(e0, e1):
            return _sum(w * p for w, p in zip(weights, probabilities(e0, e1), strict=False))

        u, n = weights[-1] + 1.0 / 1024.0, float(size) + 1.0
        first, last, share, total, divided = 0, size, 1.0, None, None
        while first < last:
            middle = first + (last - first) // 2
            below, above = float(middle - first) + 1.0, float(last - middle)
            (v0, e0), (vm, em), (v1, e1) = map(self._edge, (first, middle + 1, last + 1))
            part = 0.0
            if divided is None and e1 - e0 <= narrow:
                divided = probabilities(e0, e1)
                total = weighted(e0, e1) if total is None else total
            if divided is not None:
                by_value = self.grid.raw and 0.0 < v1 - v0 < math.inf
                part = (vm - v0) / (v1 - v0) if by_value else below / (below + above)
                left, right = total * part, total * (1.0 - part)
            else:
                left, right = weighted(e0, em), weighted(em, e1)
            up = right + u * (above / n)
            bit = self.bit(up / ((left + u * (below / n)) + up), None if value is None else value > middle)
            total = right if bit else left
            if divided is not None:
                share = share * ((1.0 - part) if bit else part)
            first, last = (middle + 1, last) if bit else (first, middle)
        likely = divided or probabilities(self._edge(first)[1], self._edge(first + 1)[1])
        return low + first, [p * share for p in likely] + [1.0 / n]


class RealMixture:
    """Sources and their experts, which learn (section 4)."""

    def __init__(self, sets, coder):
        self.sets, self.coder, self.t = sets, coder, 0
        others = 6 * (sets + (2 if sets > 1 else 0))
        prior = [(47 / 64) / max(1, others)] * others + [(1 / 4) / 6] * 6 + [1 / 64]
        self.prior = _divided(prior)
        self.weights = list(self.prior)
        self.spread = [(1.0, 1.0)] * (others // 6 + 1)
        self.sum, self.number = 0.0, 1.0
        self.scores = []  # of every value so far

    def keep(self, sets):
        """Lets all score sets go but those of these numbers ("Retiring")."""
        sources = len(self.spread)
        kept = [*sets, *([self.sets, self.sets + 1] if len(sets) > 1 else []), sources - 1]
        experts = [6 * s + j for s in kept for j in range(6)] + [6 * sources]
        self.prior = _divided([self.prior[j] for j in experts])
        self.weights = _divided([self.weights[j] for j in experts])
        self.spread, self.sets = [self.spread[s] for s in kept], len(sets)

    def _sources(self, scores):
        sources = [(float(mean), float(deviation)) for mean, deviation in scores]
        roots = [math.sqrt(a / b) for a, b in self.spread]
        for pool in range(2 if self.sets > 1 else 0):
            w_sum, m_sum, d_sum = 0.0, 0.0, 0.0
            for (m, d), root in zip(sources[: self.sets], roots, strict=False):
                sd = d * root
                w = 1.0 / (sd * sd)
                w = (w * w) * w if pool else w
                w_sum, m_sum, d_sum = w_sum + w, m_sum + w * m, d_sum + w * d
            sources.append((m_sum / w_sum, d_sum / w_sum))
        sources.append((self.sum / self.number, math.sqrt(1.0 + 1.0 / self.number)))
        return [(mean, deviation * root) for (mean, deviation), root in zip(sources, roots, strict=True)]

    def code(self, scores):
        """Codes the next index under scores, (mean, deviation) of each set, and learns; what is learned from it."""
        self.scores.append(scores)
        sources = self._sources(scores)
        experts = [(mean, sd * w, j == 5) for mean, sd in sources for j, w in enumerate(WIDTHS)]
        index, likely = self.coder.code(experts, self.weights)
        target = self.coder.grid.learned(index)
        self._learn(target, sources, likely)
        return index, target

    def _learn(self, target, sources, likely):
        mixed = _sum(w * p for w, p in zip(self.weights, likely, strict=True))
        share = 1.0 / (self.t + 2)
        keep = (1.0 - share) / mixed
        rows = zip(self.weights, likely, self.prior, strict=True)
        self.weights = [weight * p * keep + share * prior for weight, p, prior in rows]
        f = float(self.t + 1) / float(self.t + 2)
        spread = []
        for (mean, sd), (a, b) in zip(sources, self.spread, strict=True):
            z = (target - mean) / ((sd * 0.6) / 0.6)
            r = min(12.0, z * z)
            a, b = a * f + r * (a / b), b * f + 1.0
            spread.append((max(a, 1e-24 * b), b))
        self.spread = spread
        mean, sd = sources[-1]
        e = 3.4641016151377544 * ((sd * 0.6) / 0.6)
        self.sum = self.sum + min(max(target, mean - e), mean + e)
        self.number, self.t = self.number + 1.0, self.t + 1


def decode_fixed(grid, means, deviation, heavy, uniform, payload):
    """Indices around given means, under parts that do not learn (section 6)."""
    coder = IndexCoder(grid, payload)
    weights = [(1.0 - uniform) * (1.0 - heavy), (1.0 - uniform) * heavy, uniform]
    rows = ([(mean, deviation, False), (mean, deviation * 0.7, True)] for mean in means)
    return [coder.code(experts, weights)[0] for experts in rows]


def decode_uniform_reals(grid, n, payload):
    """Indices of the uniform code."""
    coder, out = IndexCoder(grid, payload), []
    for _ in range(n):
        first, last = 0, grid.high - grid.low
        while first < last:
            middle = first + (last - first) // 2
            below, above = float(middle - first) + 1.0, float(last - middle)
            if coder.bit(above / (above + below), None):
                first = middle + 1
            else:
                last = middle
        out.append(grid.low + first)
    return out
