"""The two-part code (Blier & Ollivier 2018, Definition 1; formats/two_part.md): a network, then the labels.

The sender trains, prunes and quantises a network in ordinary float32, as `mdlcodec.sender.sparsify` does, and
writes it; both sides then predict with what was written, exactly, and the labels are coded under that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes import network_labels, network_reals
from mdlcodec.codes.contract import Given, Prepared, Progress
from mdlcodec.codes.network_reals import CALIBRATION_BYTES, Standardisation
from mdlcodec.codes.options import DEFAULT_SPARSIFY, NO_OPTIONS, TRAINING, Options
from mdlcodec.codes.results import Decoded, Encoded
from mdlcodec.codes.sent_weights import read_weights, section_memory, section_work, tensors_of
from mdlcodec.codes.transmitted import NetworkClasses, Transmission, TransmittedNetwork
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.container.ids import CodeId
from mdlcodec.container.network_file import write_network_file
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Reals, Target
from mdlcodec.data.tensor import Tensor
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.limits import Cost
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import LENET5, LENET_300_100, Architecture
from mdlcodec.predictors.presets import check_preset

if TYPE_CHECKING:
    from mdlcodec.sender.float_network import Tensors
    from mdlcodec.sender.loop import Trainer
    from mdlcodec.sender.sparsify import Choices

_TRIALS = 8  # of tools for each tensor, when a network is written


@dataclass(frozen=True)
class TwoPartPayload:
    """A payload taken apart."""

    network: bytes  # the network section
    calibration: int
    labels: bytes  # this and the calibration: see network_labels

    @classmethod
    def read(cls, payload: bytes) -> TwoPartPayload:
        """The parts of a payload of more than one class. Raises CorruptFile."""
        reader = Reader(payload)
        network = reader.take(reader.unsigned())
        return cls(network, reader.byte(), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        return unsigned(len(self.network)) + self.network + bytes([self.calibration]) + self.labels


@dataclass(frozen=True)
class TwoPartRealsPayload:
    """The same of real numbers."""

    network: bytes  # the network section
    calibration: bytes  # five; this and the values: see network_reals
    values: bytes

    @classmethod
    def read(cls, payload: bytes) -> TwoPartRealsPayload:
        """The parts of a payload of a target that is not settled. Raises CorruptFile."""
        reader = Reader(payload)
        network = reader.take(reader.unsigned())
        return cls(network, reader.take(CALIBRATION_BYTES), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        return unsigned(len(self.network)) + self.network + self.calibration + self.values


def _shape(inputs: Inputs) -> Shape:
    """Of an example."""
    return inputs.features.shape[1:]


def encode_labels(
    architecture: Architecture,
    section: bytes,
    classes: np.ndarray,
    k: int,
    inputs: Inputs,
    progress: Progress,
) -> Encoded:
    """The payload of labels, int32 (n,), under the network in a section; k is more than 1.

    Raises BadData for a network that does not fit.
    """
    weights = _sent(section, architecture, inputs, k)
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    parts = TwoPartPayload(section, coded.calibration, coded.labels)
    return Encoded(parts.written(), coded.ideal_bits, coded.training_error)


def encode_reals(
    architecture: Architecture,
    section: bytes,
    indices: np.ndarray,
    target: Reals,
    standardisation: Standardisation,
    inputs: Inputs,
    progress: Progress,
) -> Encoded:
    """The payload of indices, int64 (n,), of a target that is not settled, under the network in a section.

    ``standardisation``: what its output means. Raises BadData for a network that does not fit.
    """
    weights = _sent(section, architecture, inputs, 1)
    coded = network_reals.encode_reals(
        architecture, weights, indices, target, standardisation, inputs, progress
    )
    return Encoded(TwoPartRealsPayload(section, coded.calibration, coded.values).written(), coded.ideal_bits)


def _sent(section: bytes, architecture: Architecture, inputs: Inputs, outputs: int) -> Weights:
    """What a receiver finds in a section. Raises BadData for a network that does not fit."""
    try:
        return read_weights(section, architecture, _shape(inputs), outputs)
    except CorruptFile as error:
        raise BadData(f"this network cannot be sent: {error}") from error


class NetworkReals(NetworkClasses):
    """Real numbers under a network that is transmitted. See `mdlcodec.codes.contract.Prepared`."""

    def __init__(self, code: TwoPartCode, given: Given, target: Reals) -> None:
        super().__init__(code, given)
        self._two_part, self._target = code, target

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        given, architecture, target = self._given, self._architecture, self._target
        standardisation = Standardisation.of(target, values)
        targets = standardisation.targets(target, values)
        section = self._two_part.trained_section(
            Transmission(architecture, given, targets, progress, options)
        )
        return encode_reals(architecture, section, values, target, standardisation, given.inputs, progress)

    @override
    def network_file(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> bytes:
        targets = Standardisation.of(self._target, values).targets(self._target, values)
        return super().network_file(targets, progress, options)

    @override
    def network(self, payload: bytes) -> tuple[Architecture, Weights]:
        network = TwoPartRealsPayload.read(payload).network
        return self._architecture, read_weights(network, self._architecture, _shape(self._given.inputs), 1)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        parts, inputs = TwoPartRealsPayload.read(payload), self._given.inputs
        architecture, weights = self.network(payload)
        indices = network_reals.decode_reals(
            architecture, weights, parts.calibration, parts.values, self._target, inputs, progress
        )
        return Decoded(indices, (architecture, weights))


class TwoPartCode(TransmittedNetwork[TwoPartPayload]):
    """The network is pruned and quantised before it is written."""

    name = "two-part"
    number: int = CodeId.TWO_PART
    networks = (LENET5, LENET_300_100)
    section = "network"
    options: frozenset[str] = frozenset({"sparsify", *TRAINING})
    takes_reals = True

    @override
    def _prepared(self, given: Given) -> Prepared:
        if isinstance(given.target, Reals):
            return NetworkReals(self, given, given.target)
        return super()._prepared(given)

    @override
    def _sections(self, payload: bytes, target: Target) -> list[tuple[str, int]]:
        if not isinstance(target, Reals):
            return super()._sections(payload, target)
        values = TwoPartRealsPayload.read(payload).values
        network = len(payload) - CALIBRATION_BYTES - len(values)
        return [(self.section, network), ("calibration", CALIBRATION_BYTES), ("labels", len(values))]

    @override
    def parts(self, payload: bytes) -> TwoPartPayload:
        return TwoPartPayload.read(payload)

    @override
    def read_weights(self, parts: TwoPartPayload, architecture: Architecture, given: Given) -> Weights:
        return read_weights(parts.network, architecture, _shape(given.inputs), given.k)

    @override
    def cost_of(self, architecture: Architecture, given: Given, sending: Options | None) -> Cost:
        """No network in a file is larger than its architecture."""
        check_preset(given.settings.preset)
        inputs, shape = given.inputs, _shape(given.inputs)
        if isinstance(given.target, Reals):
            cost = network_reals.prediction_cost(architecture, inputs, sending=sending is not None)
        else:
            sends = sending is not None
            cost = network_labels.prediction_cost(architecture, inputs, given.k, sending=sends)
        network = section_work(architecture, shape, given.outputs)
        work = cost.work + network
        memory = cost.memory + section_memory(architecture, shape, given.outputs)
        if sending is not None:
            from mdlcodec.nn.work import step_work
            from mdlcodec.sender.efforts import BATCH
            from mdlcodec.sender.examples import memory_of_copies

            step = step_work(*architecture.for_targets(shape, given.outputs), min(BATCH, inputs.n))
            work += step * self._training_steps(architecture, inputs.n, given.settings.preset, sending)
            work += _TRIALS * network
            # weights, gradients and moments; the examples moved four times, and all of these arranged anew
            memory += 64 * cost.parameters + 10 * inputs.features.nbytes + (1 << 28)
            memory += memory_of_copies(inputs.n, inputs.features.size, given.outputs, sending.most_copies())
        return Cost(cost.parameters, work, memory)

    def _network_section(self, payload: bytes) -> bytes:
        return TwoPartPayload.read(payload).network

    @override
    def encoded(self, transmission: Transmission) -> Encoded:
        given, section = transmission.given, self.trained_section(transmission)
        return encode_labels(
            transmission.architecture,
            section,
            transmission.values,
            given.k,
            given.inputs,
            transmission.progress,
        )

    @override
    def check_options(self, options: Options) -> None:
        if self.options:
            from mdlcodec.sender.sparsify import check_choices

            check_choices(*self._chosen(options))

    @override
    def network_file(self, transmission: Transmission) -> bytes:
        return write_network_file(self.trained_section(transmission))

    def trained_section(self, transmission: Transmission) -> bytes:
        """The network section of a network trained for the values. Raises as Prepared.encode does."""
        from mdlcodec.sender.efforts import TWO_PART

        preset = transmission.given.settings.preset
        network = transmission.trained(TWO_PART[preset], self.method(transmission.options))
        tensors = tensors_of({name: tensor.numpy() for name, tensor in network.items()})
        transmission.progress(0, 0.0, "writing the network")
        return self._section(tensors)

    def method(self, options: Options) -> Callable[[Trainer], Tensors]:
        """How the network is trained: a trainer -> its tensors by name, float32."""
        from mdlcodec.sender.sparsify import sparse_network

        sparsify, choices = self._chosen(options)
        return partial(sparse_network, sparsify=sparsify, choices=choices)

    def _chosen(self, options: Options) -> tuple[str, Choices]:
        from mdlcodec.sender.sparsify import Choices

        return options.sparsify or DEFAULT_SPARSIFY, Choices(**options.training())

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.descriptions.tensors.network_section import encode_network

        return encode_network(tensors)

    def _training_steps(self, architecture: Architecture, n: int, preset: int, options: Options) -> int:
        """For n examples."""
        from mdlcodec.sender.efforts import TWO_PART
        from mdlcodec.sender.sparsify import steps_of

        return steps_of(architecture, *self._chosen(options), TWO_PART[preset], n)
