"""The two-part code (Blier & Ollivier 2018, Definition 1; formats/two_part.md): a network, then the labels.

The sender trains, prunes and quantises a network in ordinary float32, as `mdlcodec.sender.sparsify` does, and
writes it; both sides then predict with what was written, exactly, and the labels are coded under that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Encoded, Given, Options, Progress
from mdlcodec.codes.transmitted import TransmittedNetwork
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded
from mdlcodec.limits import Cost
from mdlcodec.nn.architectures import (
    ARCHITECTURES,
    Layered,
    Shape,
    Weights,
    check_fit,
    weights_of,
)
from mdlcodec.predictors.presets import check_preset

if TYPE_CHECKING:
    from mdlcodec.sender.descent import StepProgress

DEFAULT_SPARSIFY = "entropy"
DEFAULT_BITS = 4
# types that float32 holds exactly
_TYPES = ("F32", "F16", "BF16")
_FLOAT32 = next(dtype for dtype in DTYPES if dtype.name == "F32")


@dataclass(frozen=True)
class Parts:
    """A payload taken apart."""

    network: bytes  # the network section
    calibration: int
    labels: bytes  # this and the calibration: see network_labels

    @classmethod
    def read(cls, payload: bytes) -> Parts:
        """Of a payload of more than one class. Raises CorruptFile."""
        reader = Reader(payload)
        network = reader.take(reader.unsigned())
        return cls(network, reader.byte(), reader.rest())

    def written(self) -> bytes:
        """The payload."""
        return unsigned(len(self.network)) + self.network + bytes([self.calibration]) + self.labels


def tensors_of(architecture: Layered, weights: Weights) -> list[Tensor]:
    """Weights and biases as the network section of a label file has them."""
    arrays = [array for pair in weights for array in pair]
    return [Tensor.of(name, array) for name, array in zip(architecture.tensor_names, arrays, strict=True)]


def _network_memory(architecture: Layered, shape: Shape, k: int) -> int:
    """Bytes that decoding a network of nominal widths takes at most, for examples of that shape."""
    from mdlcodec.descriptions.tensors.tensor_coder import tensor_memory

    return sum(  # integers
        tensor_memory(_FLOAT32, size) + tensor_memory(_FLOAT32, size[:1])
        for size in architecture.shapes(shape, k)
    )


def read_weights(section: bytes, architecture: Layered, inputs: Inputs, k: int) -> Weights:
    """The network of a section, checked for these inputs and classes. Raises CorruptFile."""
    from mdlcodec.descriptions.tensors.network_section import decode_network

    shape = inputs.features.shape[1:]
    try:
        memory = _network_memory(architecture, shape, k)
        network = decode_network(section, memory=memory, tensors=2 * len(architecture.layers))
    except LimitExceeded as error:
        raise CorruptFile(
            f"damaged: its network is larger than {architecture.name} is for these inputs"
        ) from error
    tensors = network.tensors
    if any(tensor.dtype.name not in _TYPES for tensor in tensors):
        raise CorruptFile(f"damaged: its network has elements that are not {', '.join(_TYPES)}")
    try:
        weights = weights_of(architecture, [tensor.array() for tensor in tensors], layouts=(False,))
        check_fit(architecture, weights, shape, k)
    except BadData as error:
        raise CorruptFile(f"damaged: {error}") from error
    if any(bias.shape[0] > width for (_, bias), width in zip(weights, architecture.widths, strict=False)):
        raise CorruptFile(f"damaged: its network is wider than {architecture.name}")
    if not all(np.isfinite(array).all() for pair in weights for array in pair):
        raise CorruptFile("damaged: its network has a weight that is NaN or infinite")
    return weights


def encode_labels(
    architecture: Layered,
    section: bytes,
    classes: np.ndarray,
    k: int,
    inputs: Inputs,
    progress: Progress,
) -> Encoded:
    """The payload of labels, int32 (n,), under the network in a section; k is more than 1.

    Raises BadData for a network that does not fit.
    """
    try:
        weights = read_weights(section, architecture, inputs, k)
    except CorruptFile as error:
        raise BadData(f"this network cannot be sent: {error}") from error
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    parts = Parts(section, coded.calibration, coded.labels)
    return Encoded(parts.written(), coded.ideal_bits, coded.training_error)


class TwoPartCode(TransmittedNetwork[Parts]):
    """The network is pruned and quantised before it is written."""

    name = "two-part"
    number = 2
    networks = ARCHITECTURES
    section = "network"
    options: frozenset[str] = frozenset({"sparsify", "bits"})

    def parts(self, payload: bytes) -> Parts:
        """See TransmittedNetwork.parts."""
        return Parts.read(payload)

    def read_weights(self, parts: Parts, architecture: Layered, given: Given) -> Weights:
        """See TransmittedNetwork.read_weights."""
        return read_weights(parts.network, architecture, given.inputs, given.k)

    def cost_of(self, architecture: Layered, given: Given, *, sending: bool) -> Cost:
        """See TransmittedNetwork.cost_of. No network in a file is larger than its architecture."""
        check_preset(given.settings.preset)
        inputs, k = given.inputs, given.k
        shape = inputs.features.shape[1:]
        cost = network_labels.prediction_cost(architecture, inputs, k)
        steps, memory = cost.steps, cost.memory + _network_memory(architecture, shape, k)
        if sending:
            steps += self._training_steps(architecture, inputs.n, given.settings.preset)
            # weights, gradients and moments; the examples moved four times, and all of these arranged anew
            memory += 64 * cost.parameters + 10 * inputs.features.nbytes + (1 << 28)
        return Cost(cost.parameters, steps, memory)

    def _network_section(self, payload: bytes) -> bytes:
        return Parts.read(payload).network

    def encoded(
        self,
        architecture: Layered,
        given: Given,
        classes: np.ndarray,
        progress: Progress,
        options: Options,
    ) -> Encoded:
        """See TransmittedNetwork.encoded."""
        from mdlcodec.exact.guard import sender_alone

        def stage(done: int, steps: int, loss: float) -> None:
            progress(0, 0.0, f"training, step {done:,} of {steps:,}, {loss:.4f} nats a label")

        with sender_alone():
            tensors = self._trained(architecture, given, classes, stage, options)
        progress(0, 0.0, "writing the network")
        section = self._section(tensors)
        return encode_labels(architecture, section, classes, given.k, given.inputs, progress)

    def _trained(
        self,
        architecture: Layered,
        given: Given,
        classes: np.ndarray,
        stage: StepProgress,
        options: Options,
    ) -> list[Tensor]:
        """The network to transmit."""
        from mdlcodec.sender.efforts import TWO_PART
        from mdlcodec.sender.sparsify import sparse_network

        found = sparse_network(
            given.inputs.features,
            classes,
            given.k,
            architecture,
            bits=DEFAULT_BITS if options.bits is None else options.bits,
            seed=given.settings.seed,
            sparsify=DEFAULT_SPARSIFY if options.sparsify is None else options.sparsify,
            progress=stage,
            effort=TWO_PART[given.settings.preset],
        )
        return [Tensor.of(name, array) for name, array in found.items()]

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.descriptions.tensors.network_section import encode_network

        return encode_network(tensors)

    def _training_steps(self, architecture: Layered, n: int, preset: int) -> int:
        """For n examples, and under the options that take the most."""
        from mdlcodec.sender.efforts import TWO_PART
        from mdlcodec.sender.sparsify import SPARSIFIERS, steps_of

        effort = TWO_PART[preset]
        return max(steps_of(architecture, sparsify, effort, n) for sparsify in SPARSIFIERS)
