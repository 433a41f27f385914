"""The variational code as a file (Blier & Ollivier 2018, section 3.3; formats/variational.md): weights, labels.

The sender trains a posterior over the weights, then names a sample of it block by block, each by an index into
candidates that both sides draw from the prior (Havasi, Peharz & Hernandez-Lobato 2019): a block costs about its
KL. Both sides then hold the same network, exactly, and the labels are coded under that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Given, Progress
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
from mdlcodec.nn.zoo import NARROW_CONVOLUTION, NARROW_LENET, NARROW_MLP, Architecture
from mdlcodec.predictors.presets import check_preset

LEAST_VARIANCE, LARGEST_VARIANCE = 1.0 / (1 << 40), float(1 << 40)  # float32 holds both
MOST_LAYERS = 7  # three bits say how many
_BITS = 31  # of the first byte: of an index; above them, how many layers have deviations of their own


@dataclass(frozen=True)
class Sent:
    """How a network is named: a candidate of 2^bits for each of ``count`` blocks, and the prior.

    ``packed``: the candidates' indices (`descriptions.posterior_samples.pack_indices`); ``prior``: one byte for
    each tensor (`deviation_of` there), or one variance for all, a float that float32 holds; no matter where there
    is no block.
    """

    bits: int
    count: int
    packed: bytes
    prior: bytes | float

    @classmethod
    def of(cls, bits: int, indices: list[int], prior: bytes | float) -> Sent:
        """What is sent with these indices, each below 2^bits."""
        from mdlcodec.descriptions.posterior_samples import pack_indices

        return cls(bits, len(indices), pack_indices(indices, bits), prior)

    def indices(self) -> list[int]:
        """One for each block; a count that is too large for the network is found before."""
        from mdlcodec.descriptions.posterior_samples import unpack_indices

        return unpack_indices(self.packed, self.count, self.bits)


NO_WEIGHTS = Sent(1, 0, b"", b"")


@dataclass(frozen=True)
class VariationalPayload:
    """A payload taken apart."""

    sent: Sent
    calibration: int
    labels: bytes  # this and the calibration: see network_labels

    @classmethod
    def read(cls, payload: bytes) -> VariationalPayload:
        """The parts of a payload of more than one class. Raises CorruptFile."""
        from mdlcodec.descriptions.posterior_samples import MOST_BITS

        reader = Reader(payload)
        first, count, prior = reader.byte(), reader.unsigned(), NO_WEIGHTS.prior
        bits, layers = first & _BITS, first >> 5
        if not 1 <= bits <= MOST_BITS:
            raise CorruptFile(f"damaged: its indices have {bits} bits, not 1 to {MOST_BITS}")
        if count and layers:
            prior = reader.take(2 * layers)
        elif count:
            prior = float(struct.unpack("<f", reader.take(4))[0])
            if not LEAST_VARIANCE <= prior <= LARGEST_VARIANCE:
                raise CorruptFile("damaged: the variance of its prior is out of range")
        packed = reader.take(-(-count * bits // 8))
        return cls(Sent(bits, count, packed, prior), reader.byte(), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        sent = self.sent
        layers = 0 if isinstance(sent.prior, float) else len(sent.prior) // 2
        head = bytes([layers << 5 | sent.bits]) + unsigned(sent.count)
        if sent.count:
            head += struct.pack("<f", sent.prior) if isinstance(sent.prior, float) else sent.prior
        return head + sent.packed + bytes([self.calibration]) + self.labels


def read_weights(sent: Sent, architecture: Architecture, k: int, inputs: Inputs, seed: int) -> Weights:
    """The network that a payload names. Raises CorruptFile."""
    from mdlcodec.descriptions.posterior_samples import deviation_of, weights_from

    tensors = architecture.tensors(inputs.features.shape[1:], k)
    shapes = [parameter.shape for parameter in tensors.values()]
    parameters = architecture.parameters(inputs.features.shape[1:], k)
    if sent.count > parameters:
        raise CorruptFile(
            f"damaged: it has {sent.count:,} blocks, more than the {parameters:,} weights of "
            f"{architecture.name} for these inputs"
        )
    if isinstance(sent.prior, float):
        deviations = [np.float32(np.sqrt(np.float64(sent.prior)))] * len(shapes)
    else:
        deviations = [deviation_of(byte) for byte in sent.prior]
    if not sent.count:
        deviations = [np.float32(0.0)] * len(shapes)
    elif len(deviations) != len(shapes):
        raise CorruptFile(
            f"damaged: it has {len(deviations)} deviations, and {architecture.name} {len(shapes)} tensors"
        )
    elif not any(deviations):
        raise CorruptFile("damaged: it has blocks of weights, and no tensor that holds one")
    drawn = weights_from(shapes, deviations, sent.indices(), sent.bits, seed)
    return dict(zip(tensors, drawn, strict=True))


def encode_labels(
    architecture: Architecture,
    sent: Sent,
    classes: np.ndarray,
    k: int,
    inputs: Inputs,
    seed: int,
    progress: Progress,
    objective_bits: float | None = None,
) -> Encoded:
    """The payload of labels, int32 (n,), under the network that is named; k is more than 1."""
    weights = read_weights(sent, architecture, k, inputs, seed)
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    payload = VariationalPayload(sent, coded.calibration, coded.labels).written()
    return Encoded(payload, coded.ideal_bits, coded.training_error, objective_bits)


class VariationalCode(TransmittedNetwork[VariationalPayload]):
    """A sample of a Gaussian posterior over the weights of a narrow network."""

    name = "variational"
    number: int = CodeId.VARIATIONAL
    networks = (NARROW_LENET, NARROW_CONVOLUTION, NARROW_MLP)
    keeps_statistics = False
    section = "weights"
    options: frozenset[str] = frozenset({"prior"})

    @override
    def problem_of(self, architecture: Architecture) -> str | None:
        layers = architecture.layers
        if len(layers) > MOST_LAYERS:
            return f"has more than {MOST_LAYERS} layers with weights"
        if not all(layer.bias for layer in layers):
            return "has layers without biases"
        return super().problem_of(architecture)

    @override
    def parts(self, payload: bytes) -> VariationalPayload:
        return VariationalPayload.read(payload)

    @override
    def read_weights(self, parts: VariationalPayload, architecture: Architecture, given: Given) -> Weights:
        return read_weights(parts.sent, architecture, given.k, given.inputs, given.settings.seed)

    @override
    def cost_of(self, architecture: Architecture, given: Given, *, sending: bool) -> Cost:
        inputs, k, settings = given.inputs, given.k, given.settings
        check_preset(settings.preset)
        from mdlcodec.descriptions.posterior_samples import samples_work

        cost = network_labels.prediction_cost(architecture, inputs, k)
        work, memory = cost.work + samples_work(cost.parameters), cost.memory + 128 * cost.parameters
        if sending:
            from mdlcodec.sender import variational
            from mdlcodec.sender.efforts import VARIATIONAL

            training = architecture, inputs.features.shape[1:], inputs.n, k, VARIATIONAL[settings.preset]
            # the sample, and the network without weights that it is compared with
            work += 2 * network_labels.prediction_cost(architecture, inputs, k, sending=True).work
            work += variational.most_work(*training)
            memory += variational.memory(*training) + 3 * inputs.features.nbytes
        return Cost(cost.parameters, work, memory)

    @override
    def encoded(self, transmission: Transmission) -> Encoded:
        from mdlcodec.sender.efforts import VARIATIONAL
        from mdlcodec.sender.variational import variational_network

        given, classes, progress = transmission.given, transmission.values, transmission.progress
        prior = transmission.options.prior
        variance = None if prior is None else _checked_variance(prior)
        effort = VARIATIONAL[given.settings.preset]
        sample = transmission.trained(effort.steps, variational_network, effort, variance)

        def coded(sent: Sent) -> Encoded:
            quiet, seed, objective = without_labels(progress), given.settings.seed, sample.objective_bits
            architecture = transmission.architecture
            return encode_labels(architecture, sent, classes, given.k, given.inputs, seed, quiet, objective)

        sent = Sent.of(sample.bits, sample.indices, sample.prior if variance is None else variance)
        shortest = unless_learned_in_vain(coded(sent), lambda: coded(NO_WEIGHTS), given.n, given.k)
        progress(given.n, shortest.ideal_bits, "", mistakes_of(shortest, given.n))
        return shortest


def _checked_variance(prior: float) -> float:
    """As float32 holds it. Raises BadData for one that is out of range."""
    if not LEAST_VARIANCE <= prior <= LARGEST_VARIANCE:  # NaN neither
        raise BadData(
            f"the prior's variance {prior} is out of range; choose one of 2^-40 (about 1e-12) to 2^40"
        )
    return float(np.float32(prior))
