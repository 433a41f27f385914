"""A network as a sample of a posterior, and the body of a file of one (formats/variational.md, "A network alone").

The label files of the variational code hold the same ``Sent``, and say the rest in their headers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from mdlcodec.container.frame import (
    CHECKSUM_BYTES,
    KIND_SAMPLED_NETWORK,
    Reader,
    read_frame,
    unsigned,
    write_frame,
)
from mdlcodec.container.ids import NetId
from mdlcodec.container.label_file import (
    MAX_CLASSES,
    SEED_STORED,
    decode_own_net,
    encode_own_net,
)
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import DEFAULT_LIMITS, Cost, Limits, check_limits
from mdlcodec.nn.node import Shape
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture, numbered, own_architecture

LEAST_VARIANCE, LARGEST_VARIANCE = 1.0 / (1 << 40), float(1 << 40)  # float32 holds both
MOST_LAYERS = 7  # three bits say how many
_BITS = 31  # of the first byte: of an index; above them, how many layers have deviations of their own
_MOST_EXTENT = 1 << 30  # of an example


@dataclass(frozen=True)
class Sent:
    """How a network is named: a candidate of 2^bits for each of ``count`` blocks, and the prior.

    ``packed``: the candidates' indices (`posterior_samples.pack_indices`); ``prior``: one byte for each tensor
    (`deviation_of` there), or one variance for all, a float that float32 holds; no matter where there is no block.
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

    @classmethod
    def read(cls, reader: Reader) -> Sent:
        """What a reader is at. Raises CorruptFile."""
        from mdlcodec.descriptions.posterior_samples import MOST_BITS

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
        return cls(bits, count, reader.take(-(-count * bits // 8)), prior)

    def written(self) -> bytes:
        """The bytes that ``read`` takes."""
        layers = 0 if isinstance(self.prior, float) else len(self.prior) // 2
        head = bytes([layers << 5 | self.bits]) + unsigned(self.count)
        if self.count:
            head += struct.pack("<f", self.prior) if isinstance(self.prior, float) else self.prior
        return head + self.packed

    def indices(self) -> list[int]:
        """One for each block; a count that is too large for the network is found before."""
        from mdlcodec.descriptions.posterior_samples import unpack_indices

        return unpack_indices(self.packed, self.count, self.bits)


NO_WEIGHTS = Sent(1, 0, b"", b"")


def problem_of(architecture: Architecture) -> str | None:
    """What a network has that no sample of a posterior names; None if nothing."""
    if len(architecture.layers) > MOST_LAYERS:
        return f"has more than {MOST_LAYERS} layers with weights"
    if not all(layer.bias for layer in architecture.layers):
        return "has layers without biases"
    return "normalises by running statistics" if architecture.has_statistics else None


def sampled_weights(sent: Sent, architecture: Architecture, shape: Shape, k: int, seed: int) -> Weights:
    """The network that is named, for examples of that shape, (h, w, c) or (d,), and k outputs. Raises
    CorruptFile."""
    from mdlcodec.descriptions.posterior_samples import deviation_of, weights_from

    tensors = architecture.tensors(shape, k)
    shapes = [parameter.shape for parameter in tensors.values()]
    parameters = architecture.parameters(shape, k)
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


@dataclass(frozen=True)
class SampledNetwork:
    """Such a network by itself: ``net`` and ``own_net`` as a label file's header has them; ``shape``: of an
    example, (h, w, c) or (d,); k: outputs."""

    net: int
    own_net: tuple[str, int] | None
    seed: int
    shape: Shape
    k: int
    sent: Sent

    def written(self) -> bytes:
        """The file."""
        return write_frame(
            KIND_SAMPLED_NETWORK,
            bytes([self.net | (SEED_STORED if self.seed else 0)])
            + (unsigned(self.seed) if self.seed else b"")
            + (encode_own_net(self.own_net) if self.net == NetId.NAMED else b"")
            + unsigned(len(self.shape))
            + b"".join(unsigned(extent) for extent in self.shape)
            + unsigned(self.k)
            + self.sent.written(),
        )

    @classmethod
    def read(cls, blob: bytes) -> SampledNetwork:
        """What a file of one holds. Raises CorruptFile, Unsupported as `read_frame` does."""
        kind, body = read_frame(blob)
        if kind != KIND_SAMPLED_NETWORK:
            raise Unsupported(f"a file of kind {kind}, which holds no sampled network")
        reader = Reader(body)
        net = reader.byte()
        seed = reader.unsigned() if net & SEED_STORED else 0
        if seed == 0 and net & SEED_STORED:
            raise CorruptFile("damaged: a seed of 0 that should not be stored")
        net &= ~SEED_STORED
        own_net = decode_own_net(reader) if net == NetId.NAMED else None
        axes = reader.unsigned()
        if axes not in (1, 3):
            raise CorruptFile(f"damaged: examples of {axes} axes")
        shape = tuple(reader.unsigned() for _ in range(axes))
        k = reader.unsigned()
        if not 1 <= k <= MAX_CLASSES or not all(1 <= extent <= _MOST_EXTENT for extent in shape):
            raise CorruptFile("damaged: the shape of an example, or the number of outputs, is out of range")
        sent = Sent.read(reader)
        if reader.rest():
            raise CorruptFile("damaged: bytes follow the network")
        return cls(net, own_net, seed, shape, k, sent)

    def sections(self) -> list[tuple[str, int]]:
        """Names and sizes in bytes of the file's parts, in order, adding up to it."""
        whole, weights = len(self.written()), len(self.sent.written())
        header = whole - weights - CHECKSUM_BYTES
        return [("header", header), ("weights", weights), ("checksum", CHECKSUM_BYTES)]

    def architecture(self) -> Architecture:
        """Raises Unsupported for a network that is not known here."""
        if self.own_net is not None:
            architecture = own_architecture(*self.own_net)
        else:
            architecture = numbered("variational", self.net)
        if problem_of(architecture) is not None:
            raise Unsupported(
                f"the file has a sample of the network {architecture.name}, which this version does not know; "
                "upgrade mdlcodec"
            )
        return architecture

    def weights(self, limits: Limits = DEFAULT_LIMITS) -> Weights:
        """Its tensors, float32 by name. Raises CorruptFile, Unsupported, LimitExceeded before anything is drawn."""
        from mdlcodec.descriptions.posterior_samples import samples_work

        architecture = self.architecture()
        try:
            parameters = architecture.parameters(self.shape, self.k)
        except BadData as error:
            raise CorruptFile(f"damaged: {error}") from error
        check_limits(Cost(parameters, samples_work(parameters), 128 * parameters), limits)
        return sampled_weights(self.sent, architecture, self.shape, self.k, self.seed)

    def bits_of(self, weights: Weights) -> dict[str, float]:
        """Of the indices, each tensor's share: that of its elements among those that blocks have."""
        sizes = {name: array.size for name, array in weights.items() if array.any()}
        whole = sum(sizes.values())  # integers
        spent = float(self.sent.bits * self.sent.count)
        return {name: spent * sizes.get(name, 0) / whole if whole else 0.0 for name in weights}
