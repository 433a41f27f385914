"""Real numbers under densities of fixed shape around given means, integrated over cells.

Format: formats/reals.md, "The two-part codes".

The normal density and the one with the heavy tail of `real_mixture`, and the uniform distribution over the indices,
their deviation and shares in two bytes that travel; coded as there, by halving.
"""

from __future__ import annotations

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.errors import InexactComputation
from mdlcodec.exact.elementary import exp, log
from mdlcodec.mixing.cells import bound, standardised
from mdlcodec.mixing.halving import Coder
from mdlcodec.mixing.real_mixture import (
    NARROW,
    NOT_FINITE,
    UNIFORM_FLOOR,
    WIDTHS,
    code_index,
    mass,
    tail,
)
from mdlcodec.mixing.temperature import UNIFORM_SHARES

# of the normal density, by their index, 0..255: 16 to an octave, from 2^-12 on, in units of the targets' scale
DEVIATIONS = np.array([(16 + (i & 15)) / (1 << (16 - (i >> 4))) for i in range(256)])
_HEAVY = WIDTHS[-1]  # deviation of the heavy tail, in units of the normal's
_START = (
    16 * 9
)  # shares that the search begins with: 2^-6 of the heavy tail, nothing of the uniform distribution
_ROUNDS = 8
_DENSITY = 0.3989422804014327  # of the normal distribution at 0


def _weights(shares: int) -> np.ndarray:
    """Of the normal density, the heavy tail and the uniform distribution, for 16 * (index of h) + (index of e)."""
    heavy, uniform = UNIFORM_SHARES[shares >> 4], UNIFORM_SHARES[shares & 15]
    return np.array([(1.0 - uniform) * (1.0 - heavy), (1.0 - uniform) * heavy, uniform])


@njit(cache=True)
def _code_rows(indices, given, words, coder, encoding, size, low, grid, numbers, deviation, weights):  # type: ignore[no-untyped-def]
    """Codes or decodes a block; probability over 2^-bits, and bits; -1 where a mean is not finite."""
    means, deviations, likely = np.empty(2), np.array([deviation, deviation * _HEAVY]), np.empty(3)
    left, bits = 1.0, 0
    for i in range(indices.size):
        if not abs(given[i]) < 1e100:
            return NOT_FINITE, bits
        means[:] = given[i]
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
            2,
            deviations[1],
            weights,
            likely,
        )
        if not probability > 0.0:
            return NOT_FINITE, bits
        indices[i] = low + np.int64(offset)
        left = left * probability
        while left < 0.5:
            left = left * 2.0
            bits += 1
    return left, bits


@njit(cache=True)
def _cell_mass(e0, e1, width, mean, deviation, heavy):  # type: ignore[no-untyped-def]
    """Probability between e0 and e1 > e0; of narrow cells, density times width, as e1 - e0 may round to nothing."""
    z0, z1 = (e0 - mean) / deviation, (e1 - mean) / deviation
    wide = width / deviation
    if not wide <= NARROW:
        return mass(z0, tail(z0, heavy), z1, tail(z1, heavy))
    if heavy:
        return 0.5 / ((1.0 + abs(z0)) * (1.0 + abs(z0))) * wide
    return _DENSITY * exp(-0.5 * min(z0 * z0, 1400.0)) * wide


@njit(cache=True)
def _add_lengths(indices, means, grid, numbers, uniform, deviations, weights, lengths):  # type: ignore[no-untyped-def]
    """Adds to lengths (deviations, weights) the nats of these indices, -ln p, in order; weights (m, 3)."""
    for i in range(indices.size):
        v0, v1 = bound(indices[i], grid, numbers), bound(indices[i] + 1, grid, numbers)
        e0, e1 = standardised(v0, numbers), standardised(v1, numbers)
        width = (v1 - v0 if grid[0] > 0 else numbers[0] / numbers[1]) / numbers[3]
        for j in range(deviations.size):
            normal = _cell_mass(e0, e1, width, means[i], deviations[j], False)
            heavy = _cell_mass(e0, e1, width, means[i], deviations[j] * _HEAVY, True)
            for m in range(weights.shape[0]):
                learned = weights[m, 0] * normal + weights[m, 1] * heavy
                lengths[j, m] -= log(learned + (weights[m, 2] + UNIFORM_FLOOR) * uniform)


def best_shape(
    means: np.ndarray,
    indices: np.ndarray,
    scale: float,
    low: int,
    high: int,
    grid: np.ndarray,
    numbers: np.ndarray,
) -> tuple[int, int]:
    """Bytes of the deviation and the shares under which indices int64 (n,) around means float64 (n,) are short.

    Each is the best with the other as it is, of equals the lowest, in turn until neither moves: about as good as
    the best pair, at 1/128 of the time. Raises InexactComputation for means that are not finite.
    """
    if not np.isfinite(means).all():
        raise InexactComputation(
            "an output of the network is NaN or infinite; its label cannot be coded with it"
        )
    uniform = 1.0 / (float(high - low) + 1.0)
    shares = np.stack([_weights(byte) for byte in range(256)])
    deviation, share = -1, _START

    def best(deviations: np.ndarray, weights: np.ndarray) -> int:
        lengths = np.zeros((deviations.size, len(weights)))
        _add_lengths(indices, means, grid, numbers, uniform, deviations, weights, lengths)
        return int(np.argmin(lengths.reshape(-1)))

    for _ in range(_ROUNDS):
        before = deviation, share
        deviation = best(scale * DEVIATIONS, shares[share : share + 1])
        share = best(scale * DEVIATIONS[deviation : deviation + 1], shares)
        if (deviation, share) == before:
            break
    return deviation, share


class FixedMixture(Coder):
    """Codes indices low..high around means that both sides have: of a sender, or of a receiver of ``payload``.

    scale: of the targets; deviation, shares: bytes; grid, numbers: see ``real_mixture.bound``.
    """

    def __init__(
        self,
        scale: float,
        deviation: int,
        shares: int,
        low: int,
        high: int,
        grid: np.ndarray,
        numbers: np.ndarray,
        payload: bytes | None = None,
    ) -> None:
        super().__init__(payload)
        self._low, self._size, self._grid, self._numbers = low, np.uint64(high - low), grid, numbers
        self._deviation, self._weights = scale * DEVIATIONS[deviation], _weights(shares)

    def encode(self, means: np.ndarray, indices: np.ndarray) -> None:
        """Codes indices int64 (m,) around means float64 (m,). Raises InexactComputation as ``decode`` does."""
        self.decode(means, indices.copy())

    def decode(self, means: np.ndarray, indices: np.ndarray) -> None:
        """Fills indices int64 (m,) that `encode` coded; of a sender, codes them.

        Any bytes give some indices in the range. Raises InexactComputation for a mean that is not finite.
        """
        words, coder, encoding = self._state(indices.size)
        left, bits = _code_rows(
            indices, means, words, coder, encoding, self._size, self._low, self._grid, self._numbers,
            self._deviation, self._weights,
        )  # fmt: skip
        if not left > 0.0:
            raise InexactComputation(
                "an output of the network is NaN or infinite; its label cannot be coded with it"
            )
        self._count(left, bits)
