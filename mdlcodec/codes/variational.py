"""The variational code as a file (Blier & Ollivier 2018, section 3.3; formats/variational.md): weights, labels.

The sender trains a posterior over the weights, then names a sample of it block by block, each by an index into
candidates that both sides draw from the prior (Havasi, Peharz & Hernandez-Lobato 2019): a block costs about its
KL. Both sides then hold the same network, exactly, and the labels are coded under that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Given, Progress
from mdlcodec.codes.options import Options
from mdlcodec.codes.results import Encoded
from mdlcodec.codes.transmitted import (
    Transmission,
    TransmittedNetwork,
    mistakes_of,
    unless_learned_in_vain,
    without_labels,
)
from mdlcodec.container.frame import Reader
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.descriptions.sampled_network import (
    LARGEST_VARIANCE,
    LEAST_VARIANCE,
    NO_WEIGHTS,
    SampledNetwork,
    Sent,
    problem_of,
    sampled_weights,
)
from mdlcodec.errors import BadData
from mdlcodec.limits import Cost
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import NARROW_CONVOLUTION, NARROW_LENET, NARROW_MLP, Architecture
from mdlcodec.predictors.presets import check_preset

_LEAST_EXCHANGE, _LARGEST_EXCHANGE = 1e-3, 1e3
_EXCHANGE_ALONE = 0.8  # of a network without the labels, which is for new examples


@dataclass(frozen=True)
class VariationalPayload:
    """A payload taken apart."""

    sent: Sent
    calibration: int
    labels: bytes  # this and the calibration: see network_labels

    @classmethod
    def read(cls, payload: bytes) -> VariationalPayload:
        """The parts of a payload of more than one class. Raises CorruptFile."""
        reader = Reader(payload)
        return cls(Sent.read(reader), reader.byte(), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        return self.sent.written() + bytes([self.calibration]) + self.labels


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
    weights = sampled_weights(sent, architecture, inputs.features.shape[1:], k, seed)
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    payload = VariationalPayload(sent, coded.calibration, coded.labels).written()
    return Encoded(payload, coded.ideal_bits, coded.training_error, objective_bits)


class VariationalCode(TransmittedNetwork[VariationalPayload]):
    """A sample of a Gaussian posterior over the weights of a narrow network."""

    name = "variational"
    number: int = CodeId.VARIATIONAL
    networks = (NARROW_LENET, NARROW_CONVOLUTION, NARROW_MLP)
    section = "weights"
    options: frozenset[str] = frozenset({"prior", "strength"})

    @override
    def check_options(self, options: Options) -> None:
        if options.prior is not None:
            _checked_variance(options.prior)
        if options.strength is not None:
            _checked_exchange(options.strength)

    @override
    def problem_of(self, architecture: Architecture) -> str | None:
        return problem_of(architecture)

    @override
    def parts(self, payload: bytes) -> VariationalPayload:
        return VariationalPayload.read(payload)

    @override
    def read_weights(self, parts: VariationalPayload, architecture: Architecture, given: Given) -> Weights:
        shape = given.inputs.features.shape[1:]
        return sampled_weights(parts.sent, architecture, shape, given.k, given.settings.seed)

    @override
    def cost_of(self, architecture: Architecture, given: Given, sending: Options | None) -> Cost:
        inputs, k, settings = given.inputs, given.k, given.settings
        check_preset(settings.preset)
        from mdlcodec.descriptions.posterior_samples import samples_work

        cost = network_labels.prediction_cost(architecture, inputs, k)
        work, memory = cost.work + samples_work(cost.parameters), cost.memory + 128 * cost.parameters
        if sending is not None:
            from mdlcodec.sender import variational
            from mdlcodec.sender.efforts import VARIATIONAL

            training = architecture, inputs.features.shape[1:], inputs.n, k, VARIATIONAL[settings.preset]
            # the sample, and the network without weights that it is compared with
            work += 2 * network_labels.prediction_cost(architecture, inputs, k, sending=True).work
            work += variational.most_work(*training)
            memory += variational.memory(*training) + 3 * inputs.features.nbytes
        return Cost(cost.parameters, work, memory)

    @override
    def network_file(self, transmission: Transmission) -> bytes:
        given = transmission.given
        settings, shape = given.settings, given.inputs.features.shape[1:]
        sent, _ = self._sampled(transmission, alone=True)
        return SampledNetwork(settings.net, settings.own_net, settings.seed, shape, given.k, sent).written()

    def _sampled(self, transmission: Transmission, *, alone: bool = False) -> tuple[Sent, float]:
        """The network that is found, and the objective in bits; ``alone``: the labels are not coded under it."""
        from mdlcodec.sender.efforts import VARIATIONAL
        from mdlcodec.sender.variational import Aim, variational_network

        prior, strength = transmission.options.prior, transmission.options.strength
        variance = None if prior is None else _checked_variance(prior)
        effort = VARIATIONAL[transmission.given.settings.preset]
        exchange = (_EXCHANGE_ALONE if alone else 1.0) if strength is None else _checked_exchange(strength)
        aim = Aim(variance, exchange, alone)
        sample = transmission.trained(effort.steps, variational_network, effort, aim)
        sent = Sent.of(sample.bits, sample.indices, sample.prior if variance is None else variance)
        return sent, sample.objective_bits

    @override
    def encoded(self, transmission: Transmission) -> Encoded:
        given, classes, progress = transmission.given, transmission.values, transmission.progress
        sent, objective = self._sampled(transmission)

        def coded(sent: Sent) -> Encoded:
            quiet, seed = without_labels(progress), given.settings.seed
            architecture = transmission.architecture
            return encode_labels(architecture, sent, classes, given.k, given.inputs, seed, quiet, objective)

        shortest = unless_learned_in_vain(coded(sent), lambda: coded(NO_WEIGHTS), given.n, given.k)
        progress(given.n, shortest.ideal_bits, "", mistakes_of(shortest, given.n))
        return shortest


def _checked_exchange(strength: float) -> float:
    """Raises BadData for one that is out of range."""
    if not _LEAST_EXCHANGE <= strength <= _LARGEST_EXCHANGE:  # NaN neither
        raise BadData(
            f"strength {strength:g} is out of range: a nat of the weights is worth {_LEAST_EXCHANGE:g} to "
            f"{_LARGEST_EXCHANGE:g} nats of the labels"
        )
    return strength


def _checked_variance(prior: float) -> float:
    """As float32 holds it. Raises BadData for one that is out of range."""
    if not LEAST_VARIANCE <= prior <= LARGEST_VARIANCE:  # NaN neither
        raise BadData(
            f"the prior's variance {prior} is out of range; choose one of 2^-40 (about 1e-12) to 2^40"
        )
    return float(np.float32(prior))
