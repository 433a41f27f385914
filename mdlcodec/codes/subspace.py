"""The random subspace code (Blier & Ollivier 2018, section 3.2; formats/subspace.md): coordinates, then labels.

The network is a point of a random affine subspace that the seed names (Li et al. 2018). The sender trains within
it, in ordinary float32, and writes the point's integer coordinates; both sides then hold the same network,
exactly, and the labels are coded under that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Given, Progress, Settings
from mdlcodec.codes.options import Options
from mdlcodec.codes.results import Encoded
from mdlcodec.codes.transmitted import (
    Transmission,
    TransmittedNetwork,
    mistakes_of,
    unless_learned_in_vain,
    without_labels,
)
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.limits import Cost
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import LENET5, LENET_300_100, Architecture
from mdlcodec.predictors.presets import check_preset

if TYPE_CHECKING:  # torch and numba load when something is encoded or decoded
    from mdlcodec.descriptions.subspace.affine import AffineSubspace

# that are tried; the largest whose square is not above so many times the examples suits them
DIMENSIONS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
_SQUARE = 40
# examples from which on that one alone is tried; below, its half, itself and its double, while files become shorter
_ONE_DIMENSION = 20_000


@dataclass(frozen=True)
class SubspacePayload:
    """A payload taken apart."""

    dimension: int
    step: int  # index in STEPS
    coordinates: bytes  # see mdlcodec.descriptions.subspace.coordinates
    calibration: int
    labels: bytes  # this and the calibration: see network_labels

    @classmethod
    def read(cls, payload: bytes) -> SubspacePayload:
        """The parts of a payload of more than one class. Raises CorruptFile."""
        reader = Reader(payload)
        dimension, step, coordinates = reader.unsigned(), 0, b""
        if dimension:
            step = reader.byte()
            coordinates = reader.take(reader.unsigned())
        return cls(dimension, step, coordinates, reader.byte(), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        head = unsigned(self.dimension)
        if self.dimension:
            head += bytes([self.step]) + unsigned(len(self.coordinates)) + self.coordinates
        return head + bytes([self.calibration]) + self.labels


def _most_dimensions(architecture: Architecture, inputs: Inputs, k: int) -> int:
    """That the format allows. Raises BadData for inputs that do not fit."""
    from mdlcodec.descriptions.subspace.affine import LARGEST_DIMENSION, transform_size

    return min(LARGEST_DIMENSION, transform_size(architecture, inputs.features.shape[1:], k))


def _subspace(
    architecture: Architecture, inputs: Inputs, k: int, settings: Settings, dimension: int
) -> AffineSubspace:
    from mdlcodec.descriptions.subspace.affine import AffineSubspace

    return AffineSubspace(architecture, inputs.features.shape[1:], k, settings.seed, dimension)


def read_weights(
    parts: SubspacePayload, architecture: Architecture, k: int, inputs: Inputs, settings: Settings
) -> Weights:
    """The network that a payload names. Raises CorruptFile."""
    from mdlcodec.descriptions.subspace.affine import STEPS
    from mdlcodec.descriptions.subspace.coordinates import decode_coordinates

    most = _most_dimensions(architecture, inputs, k)
    if parts.dimension > most:
        raise CorruptFile(
            f"damaged: its subspace has {parts.dimension:,} dimensions, more than the {most:,} of "
            f"{architecture.name} for these inputs"
        )
    coordinates = np.zeros(0, np.int64)
    if parts.dimension:
        coordinates = decode_coordinates(parts.coordinates, parts.dimension)
    subspace = _subspace(architecture, inputs, k, settings, parts.dimension)
    return subspace.weights(coordinates, float(STEPS[parts.step]))


def encode_labels(
    architecture: Architecture,
    coordinates: np.ndarray,
    step: int,
    classes: np.ndarray,
    k: int,
    inputs: Inputs,
    settings: Settings,
    progress: Progress,
) -> Encoded:
    """The payload of labels, int32 (n,), under the network at coordinates, integers (dimension,), times
    STEPS[step]; k is more than 1."""
    from mdlcodec.descriptions.subspace.coordinates import encode_coordinates

    written = encode_coordinates(coordinates) if coordinates.size else b""
    parts = SubspacePayload(coordinates.size, step, written, 0, b"")
    weights = read_weights(parts, architecture, k, inputs, settings)
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    parts = replace(parts, calibration=coded.calibration, labels=coded.labels)
    return Encoded(parts.written(), coded.ideal_bits, coded.training_error)


class SubspaceCode(TransmittedNetwork[SubspacePayload]):
    """A network of nominal widths within a random subspace."""

    name = "subspace"
    number: int = CodeId.SUBSPACE
    networks = (LENET5, LENET_300_100)
    keeps_statistics = False
    section = "coordinates"
    options: frozenset[str] = frozenset({"dimension"})

    @override
    def parts(self, payload: bytes) -> SubspacePayload:
        return SubspacePayload.read(payload)

    @override
    def read_weights(self, parts: SubspacePayload, architecture: Architecture, given: Given) -> Weights:
        return read_weights(parts, architecture, given.k, given.inputs, given.settings)

    @override
    def cost_of(self, architecture: Architecture, given: Given, sending: Options | None) -> Cost:
        inputs, k, settings = given.inputs, given.k, given.settings
        check_preset(settings.preset)
        cost = network_labels.prediction_cost(architecture, inputs, k)
        from mdlcodec.descriptions.subspace.affine import (
            COORDINATE,
            LARGEST_DIMENSION,
            TRANSFORMED,
            subspace_work,
            transform_size,
        )

        # the permutation, its random words and the transform; theta_0, gains, signs and what is made of them
        size = transform_size(architecture, inputs.features.shape[1:], k)
        memory = cost.memory + 32 * size + 64 * cost.parameters
        work = cost.work + subspace_work(size) + COORDINATE * min(size, LARGEST_DIMENSION)
        if sending is not None:
            from mdlcodec.nn.work import step_work
            from mdlcodec.sender.efforts import BATCH, SUBSPACE
            from mdlcodec.sender.subspace import steps_of

            trials = 1 if sending.dimension is not None else len(_dimensions(inputs.n))
            step = step_work(*architecture.for_targets(inputs.features.shape[1:], k), min(BATCH, inputs.n))
            step += 2 * TRANSFORMED * size * size.bit_length()
            steps = trials * steps_of(architecture, SUBSPACE[settings.preset], inputs.n)
            # trials are predicted as coded labels are
            coded = network_labels.prediction_cost(architecture, inputs, k, sending=True).work
            work = steps * step + (trials + 1) * (work + coded)
            # the examples once more, what the passes hold, gradients; coordinates are few
            memory += 64 * cost.parameters + 3 * inputs.features.nbytes + (1 << 28)
        return Cost(cost.parameters, work, memory)

    @override
    def encoded(self, transmission: Transmission) -> Encoded:
        from mdlcodec.sender.efforts import SUBSPACE
        from mdlcodec.sender.subspace import subspace_point

        architecture, given, options = transmission.architecture, transmission.given, transmission.options
        inputs, k, settings = given.inputs, given.k, given.settings
        most = _most_dimensions(architecture, inputs, k)
        dimensions = _dimensions(inputs.n) if options.dimension is None else (options.dimension,)
        if options.dimension is not None and not 1 <= options.dimension <= most:
            raise BadData(
                f"no subspace of {options.dimension:,} dimensions; choose 1 to {most:,} for "
                f"{architecture.name} and these inputs"
            )

        def coded(coordinates: np.ndarray, step: int) -> Encoded:
            quiet, classes = without_labels(transmission.progress), transmission.values
            return encode_labels(architecture, coordinates, step, classes, k, inputs, settings, quiet)

        shortest: Encoded | None = None
        for dimension in sorted({min(dimension, most) for dimension in dimensions}):
            subspace = _subspace(architecture, inputs, k, settings, dimension)
            point = transmission.trained(SUBSPACE[settings.preset], subspace_point, subspace)
            encoded = coded(*point)
            if shortest is not None and len(encoded.payload) >= len(shortest.payload):
                break
            shortest = encoded
        assert shortest is not None
        shortest = unless_learned_in_vain(shortest, lambda: coded(np.zeros(0, np.int64), 0), inputs.n, k)
        transmission.progress(inputs.n, shortest.ideal_bits, "", mistakes_of(shortest, inputs.n))
        return shortest


def _dimensions(n: int) -> tuple[int, ...]:
    """Those that are tried for so many examples, in turn."""
    suited = sum(dimension * dimension <= _SQUARE * n for dimension in DIMENSIONS[1:])  # integers
    tried = (suited,) if n >= _ONE_DIMENSION else (suited - 2, suited, suited + 2)
    return tuple(DIMENSIONS[i] for i in tried if 0 <= i < len(DIMENSIONS))
