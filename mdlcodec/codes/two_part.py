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

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Encoded, Given, Options, Progress
from mdlcodec.codes.transmitted import Transmission, TransmittedNetwork
from mdlcodec.container.frame import Reader, unsigned
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded
from mdlcodec.limits import Cost
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights, check_fit, weights_of
from mdlcodec.nn.zoo import LENET5, LENET_300_100, Architecture
from mdlcodec.predictors.presets import check_preset

if TYPE_CHECKING:
    from mdlcodec.sender.float_network import Tensors
    from mdlcodec.sender.loop import Trainer

DEFAULT_SPARSIFY = "entropy"
DEFAULT_BITS = 4
# types that float32 holds exactly
_TYPES = ("F32", "F16", "BF16")
_FLOAT32 = next(dtype for dtype in DTYPES if dtype.name == "F32")


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


def tensors_of(weights: Weights) -> list[Tensor]:
    """The network's tensors, in its order, as the network section of a label file has them."""
    return [Tensor.of(name, array) for name, array in weights.items()]


def _network_memory(architecture: Architecture, shape: Shape, k: int) -> int:
    """Bytes that decoding a network of nominal widths takes at most, for examples of that shape."""
    from mdlcodec.descriptions.tensors.tensor_coder import tensor_memory

    sizes = [parameter.shape for parameter in architecture.tensors(shape, k).values()]
    return sum(tensor_memory(_FLOAT32, size) for size in sizes)  # integers


def read_weights(section: bytes, architecture: Architecture, inputs: Inputs, k: int) -> Weights:
    """The network of a section, checked for these inputs and classes. Raises CorruptFile."""
    from mdlcodec.descriptions.tensors.network_section import decode_network

    shape = inputs.features.shape[1:]
    try:
        memory = _network_memory(architecture, shape, k)
        network = decode_network(section, memory=memory, tensors=len(architecture.tensors(shape, k)))
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
    nominal = architecture.tensors(shape, k)
    if any(array.shape[0] > nominal[name].shape[0] for name, array in weights.items()):
        raise CorruptFile(f"damaged: its network is wider than {architecture.name}")
    if any((weights[name] < 0).any() for name in nominal if name.endswith("running_var")):
        raise CorruptFile("damaged: its network has a negative variance")
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise CorruptFile("damaged: its network has a weight that is NaN or infinite")
    return weights


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
    try:
        weights = read_weights(section, architecture, inputs, k)
    except CorruptFile as error:
        raise BadData(f"this network cannot be sent: {error}") from error
    coded = network_labels.encode_labels(architecture, weights, classes, k, inputs, progress)
    parts = TwoPartPayload(section, coded.calibration, coded.labels)
    return Encoded(parts.written(), coded.ideal_bits, coded.training_error)


class TwoPartCode(TransmittedNetwork[TwoPartPayload]):
    """The network is pruned and quantised before it is written."""

    name = "two-part"
    number: int = CodeId.TWO_PART
    networks = (LENET5, LENET_300_100)
    section = "network"
    options: frozenset[str] = frozenset({"sparsify", "bits"})

    @override
    def parts(self, payload: bytes) -> TwoPartPayload:
        return TwoPartPayload.read(payload)

    @override
    def read_weights(self, parts: TwoPartPayload, architecture: Architecture, given: Given) -> Weights:
        return read_weights(parts.network, architecture, given.inputs, given.k)

    @override
    def cost_of(self, architecture: Architecture, given: Given, *, sending: bool) -> Cost:
        """No network in a file is larger than its architecture."""
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
        return TwoPartPayload.read(payload).network

    @override
    def encoded(self, transmission: Transmission) -> Encoded:
        from mdlcodec.sender.efforts import TWO_PART

        given, progress = transmission.given, transmission.progress
        found = transmission.trained(TWO_PART[given.settings.preset], self.method(transmission.options))
        tensors = tensors_of({name: tensor.numpy() for name, tensor in found.items()})
        progress(0, 0.0, "writing the network")
        architecture, classes = transmission.architecture, transmission.classes
        return encode_labels(architecture, self._section(tensors), classes, given.k, given.inputs, progress)

    def method(self, options: Options) -> Callable[[Trainer], Tensors]:
        """How the network is trained: a trainer -> its tensors by name, float32."""
        from mdlcodec.sender.sparsify import sparse_network

        return partial(
            sparse_network,
            bits=DEFAULT_BITS if options.bits is None else options.bits,
            sparsify=DEFAULT_SPARSIFY if options.sparsify is None else options.sparsify,
        )

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.descriptions.tensors.network_section import encode_network

        return encode_network(tensors)

    def _training_steps(self, architecture: Architecture, n: int, preset: int) -> int:
        """For n examples, and under the options that take the most."""
        from mdlcodec.sender.efforts import TWO_PART
        from mdlcodec.sender.sparsify import SPARSIFIERS, steps_of

        effort = TWO_PART[preset]
        return max(steps_of(architecture, sparsify, effort, n) for sparsify in SPARSIFIERS)
