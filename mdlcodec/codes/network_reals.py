"""Real numbers around the outputs of a network that both sides hold.

Format: formats/reals.md, "The two-part codes". The counterpart of `network_labels`: five bytes say what an output
means and how far from it values are, then come the range coder's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Progress
from mdlcodec.data.targets import Reals
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.mixing.cells import learned_from
from mdlcodec.mixing.fixed_mixture import FixedMixture, best_shape
from mdlcodec.nn.zoo import Architecture

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs
    from mdlcodec.nn.weights import Weights

CALIBRATION_BYTES = 5
# scales of the targets by their index, 0..255: 16 to an octave, from 2^-8 on, in units of the grid's scale
SCALES = np.array([(16 + (i & 15)) * (1 << (i >> 4)) / 4096.0 for i in range(256)])
_OFFSETS = 4096.0  # to a unit of the grid's scale
_MEMORY = 1 << 24
_DENSITY = 2 * EXPONENTIAL  # operations
_DENSITIES = 48  # two at the bounds of some 24 nodes
_DENSITIES_SENDING = 4096  # two of 256 deviations at both bounds, in a few rounds


@dataclass(frozen=True)
class Standardisation:
    """What outputs are in units of the grid's scale: offset + scale * output. As it travels, three bytes."""

    offset: int  # in 4096ths, -32768..32767
    scale: int  # index into SCALES

    @classmethod
    def of(cls, target: Reals, indices: np.ndarray) -> Standardisation:
        """The one under which targets have mean 0 and deviation 1, as near as it can be said."""
        learned = learned_from(indices, *target.cells())
        mean, deviation = float(learned.mean()), float(learned.std())  # sender only
        return cls(round(mean * _OFFSETS), int(np.argmin(np.abs(SCALES - deviation))))

    def targets(self, target: Reals, indices: np.ndarray) -> np.ndarray:
        """What a network is to give for indices int64 (n,), float32 (n,)."""
        learned = learned_from(indices, *target.cells())
        return ((learned - self.offset / _OFFSETS) / SCALES[self.scale]).astype(np.float32)

    def means(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs float32 (m, 1) in units of the grid's scale, float64 (m,)."""
        return self.offset / _OFFSETS + SCALES[self.scale] * outputs[:, 0].astype(np.float64)


@dataclass(frozen=True)
class Calibration:
    """What travels between the network and the values: five bytes."""

    standardisation: Standardisation
    deviation: int  # this and the shares: see mdlcodec.mixing.fixed_mixture
    shares: int

    @classmethod
    def read(cls, five: bytes) -> Calibration:
        """From its bytes, any five."""
        offset, scale, deviation, shares = struct.unpack("<hBBB", five)
        return cls(Standardisation(offset, scale), deviation, shares)

    def written(self) -> bytes:
        """Its bytes."""
        given = self.standardisation
        return struct.pack("<hBBB", given.offset, given.scale, self.deviation, self.shares)

    def mixture(self, target: Reals, payload: bytes | None = None) -> FixedMixture:
        """What codes."""
        scale, grid = float(SCALES[self.standardisation.scale]), target.grid
        return FixedMixture(scale, self.deviation, self.shares, grid.low, grid.high, *target.cells(), payload)


@dataclass(frozen=True)
class CodedReals:
    """Values as they travel. ``ideal_bits``: -sum log2 p of them."""

    calibration: bytes
    values: bytes  # the range coder's
    ideal_bits: float


def prediction_cost(architecture: Architecture, inputs: Inputs, *, sending: bool) -> Cost:
    """What predicting and coding the values takes. Raises BadData for inputs that do not fit."""
    cost = network_labels.prediction_cost(architecture, inputs, 1)
    densities = inputs.n * (_DENSITIES + (_DENSITIES_SENDING if sending else 0))
    return replace(
        cost,
        work=cost.work + _DENSITY * densities,
        memory=cost.memory + _MEMORY + 64 * inputs.n,
    )


def _means(
    architecture: Architecture, weights: Weights, inputs: Inputs, given: Standardisation
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields (start, stop, means float64 (stop - start,)), exact."""
    for start, stop, outputs in network_labels.exact_scores(architecture, weights, inputs.features, 1):
        yield start, stop, given.means(outputs)


def encode_reals(
    architecture: Architecture,
    weights: Weights,
    indices: np.ndarray,
    target: Reals,
    standardisation: Standardisation,
    inputs: Inputs,
    progress: Progress,
) -> CodedReals:
    """Indices int64 (n,) of a target that is not settled, under these weights, float32, which fit the inputs and
    have one output.

    Raises InexactComputation for outputs that are not finite.
    """
    blocks = []
    for start, stop, means in _means(architecture, weights, inputs, standardisation):
        progress(0, 0.0, f"predicting, {stop:,} of {inputs.n:,} examples")
        blocks.append((start, stop, means))
    every = np.concatenate([means for _, _, means in blocks])
    grid, scale = target.grid, float(SCALES[standardisation.scale])
    shape = best_shape(every, indices, scale, grid.low, grid.high, *target.cells())
    calibration = Calibration(standardisation, *shape)
    mixture = calibration.mixture(target)
    for start, stop, means in blocks:
        mixture.encode(means, indices[start:stop])
        progress(stop, mixture.ideal_bits)
    return CodedReals(calibration.written(), mixture.finish(), mixture.ideal_bits)


def decode_reals(
    architecture: Architecture,
    weights: Weights,
    calibration: bytes,
    coded: bytes,
    target: Reals,
    inputs: Inputs,
    progress: Progress,
) -> np.ndarray:
    """The indices, int64 (n,), that `encode_reals` coded; any bytes give some indices in the range."""
    given = Calibration.read(calibration)
    mixture, indices = given.mixture(target, coded), np.empty(inputs.n, np.int64)
    for start, stop, means in _means(architecture, weights, inputs, given.standardisation):
        mixture.decode(means, indices[start:stop])
        progress(stop, mixture.ideal_bits)
    return indices
