"""What a bound is computed of: the network in a file, the examples, the network's answers, and sizes in bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.container import is_sampled_network, read_network_file
from mdlcodec.container.frame import CHECKSUM_BYTES, HEAD_BYTES, unsigned
from mdlcodec.container.ids import NetId
from mdlcodec.data.features import are_pixels
from mdlcodec.descriptions.sampled_network import SampledNetwork
from mdlcodec.descriptions.tensors.network_section import Network, Part, decode_network, described_network
from mdlcodec.errors import BadData
from mdlcodec.nn.weights import Weights, check_fit, order_of, weights_of
from mdlcodec.nn.zoo import Architecture, architecture_named

if TYPE_CHECKING:
    from mdlcodec.container.label_file import LabelHeader
    from mdlcodec.data import Content, Dataset
    from mdlcodec.data.tensor import Tensor
    from mdlcodec.files.label_file import LabelFile
    from mdlcodec.files.runs import Watch
    from mdlcodec.limits import Limits

# what the range of the inputs' values may become for a network file, whose network was trained elsewhere
RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255/256": (0.0, 255.0 / 256.0)}
# the coder's shortest bytes can say less than -log2 of the model's probability, which is what has to be paid
SPARE_BYTES = 1
_TWO_DOUBLES = 128.0  # bits
_ONE_CLASS = "there is one class only, and so no error to bound"


@dataclass(frozen=True)
class Coded:
    """Ideal bits of one tensor, without its name: in the section, and in that of equally probable networks."""

    bits: float
    equal_length_bits: float


@dataclass(frozen=True)
class Subject:
    """x float32 (n, ...); y int64 (n,), the classes, and answers (n,), what the network takes the examples for.

    Sizes are in bytes.
    section_bytes: the file's network section; equal_length_bytes: the section in which all networks with the
    same non-zero places are equally probable; equal_length_bits: what is paid for it; may_vary: the names of the
    weights that have that code; raw_bytes: the tensors as they are; others: what is paid besides the section,
    (what, bits); coded: of each tensor; names_bits: of names, types and shapes; k: how many classes there are.
    """

    architecture: Architecture
    weights: Weights
    x: np.ndarray
    y: np.ndarray
    answers: np.ndarray
    section_bytes: int
    equal_length_bytes: int
    equal_length_bits: float
    may_vary: frozenset[str]
    raw_bytes: int
    others: tuple[tuple[str, float], ...]
    coded: Mapping[str, Coded] = field(hash=False)
    names_bits: float
    k: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the name alone does not say what the network is: someone registered it."""
        return self.architecture.number == NetId.NAMED and not self.architecture.name.startswith("mlp-")


def of_label_file(
    file: LabelFile,
    blob: bytes,
    find_inputs: Callable[[LabelHeader], Sequence[Content]],
    limits: Limits,
    watch: Watch | None = None,
) -> Subject:
    """The network of a file of a two-part code; its labels are decoded with what its inputs may be.

    Raises what ``labels.decode`` raises, BadData for codes without a network and inputs that are no images.
    """
    from mdlcodec.files import labels as label_files
    from mdlcodec.files.networks import section_of

    if file.header.grid is not None:
        raise BadData("the bound is on how often a network is wrong, and this file holds reals, not classes")
    section = section_of(blob)  # whether there is one, before anything is read
    received = label_files.receive(file, find_inputs, limits=limits, watch=watch)
    network, answers = received.decoded.network, received.decoded.answers
    if network is None or answers is None:
        raise BadData(_ONE_CLASS)
    architecture, weights = network
    written = decode_network(section, memory=limits.memory, work=limits.work)
    tensors = tensors_of(weights)  # as decoding checked and named them
    subject = _subject(len(section), written, architecture, tensors, received.inputs.features)
    return replace(subject, y=received.labels.coded.astype(np.int64), answers=answers, k=file.k)


def of_network_file(
    blob: bytes, net: str | None, dataset: Dataset, input_range: str, limits: Limits
) -> Subject:
    """The network of a file of a network alone, which is a ``net`` (None where the file says it), on labelled
    examples.

    input_range: one of RANGES, to which the inputs' range is stretched. Raises BadData, CorruptFile, LimitExceeded.
    """
    low, high = RANGES[input_range]
    features = dataset.inputs.features
    if is_sampled_network(blob):
        subject = _of_sample(blob, net, features, limits)
    else:
        if net is None:
            raise BadData("a network file does not say which network it is; give net")
        section = read_network_file(blob)
        written = decode_network(section, memory=limits.memory, work=limits.work)
        subject = _subject(len(section), written, architecture_named(net), written.tensors, features)
    assert dataset.labels is not None
    others = (*subject.others, ("range that the network takes", math.log2(len(RANGES))))
    x = (subject.x * (high - low) + low).astype(np.float32)
    subject = replace(subject, x=x, others=others)
    return _answered(subject, dataset.class_labels.classes, len(dataset.class_labels.values))


def _of_sample(blob: bytes, net: str | None, features: np.ndarray, limits: Limits) -> Subject:
    """A sample of a posterior is paid by all that its file says, and no weight of it may vary."""
    if net is not None:
        raise BadData("this network file says which network it is; leave net out")
    file = SampledNetwork.read(blob)
    if features.shape[1:] != file.shape:
        raise BadData(
            f"the network is for examples of shape {file.shape}, and these are {features.shape[1:]}"
        )
    architecture, weights = file.architecture(), file.weights(limits)
    size = len(blob) - HEAD_BYTES - CHECKSUM_BYTES
    coded = {name: Coded(bits, bits) for name, bits in file.bits_of(weights).items()}
    known = math.fsum(one.bits for one in coded.values())
    subject = _of_images(features, architecture, weights, coded, 8.0 * size - known)
    return replace(
        subject,
        section_bytes=size,
        equal_length_bytes=size,
        equal_length_bits=8.0 * (size + SPARE_BYTES),
    )


def _subject(
    section_bytes: int,
    written: Network,
    architecture: Architecture,
    tensors: list[Tensor],
    features: np.ndarray,
) -> Subject:
    """Of tensors, which a network section describes; ``written``: what was read from it."""
    arrays = [tensor.array() for tensor in tensors]
    names = [tensor.name for tensor in tensors]
    weights = weights_of(architecture, arrays, names)
    if not all(np.isfinite(array).all() for array in arrays):
        raise BadData("the network has weights that are NaN or infinite; there is no bound on what it does")
    equal, network = described_network(tensors, values="fixed")
    model_bits = network.names_bits + math.fsum(map(_bits, network.parts))
    order = order_of(architecture, names, [array.shape for array in arrays])
    of_name = dict(zip(weights, order, strict=True))
    coded = {name: Coded(_bits(written.parts[i]), _bits(network.parts[i])) for name, i in of_name.items()}
    tools = {name: network.parts[i].values_tool for name, i in of_name.items()}
    return replace(
        _of_images(features, architecture, weights, coded, written.names_bits),
        section_bytes=section_bytes,
        equal_length_bytes=len(equal),
        equal_length_bits=max(8.0 * (len(equal) + SPARE_BYTES), model_bits),
        may_vary=frozenset(name for name, tool in tools.items() if tool == "fixed"),
    )


def _bits(part: Part) -> float:
    return part.positions_bits + part.codebook_bits + part.values_bits


def _of_images(
    features: np.ndarray,
    architecture: Architecture,
    weights: Weights,
    coded: Mapping[str, Coded],
    names_bits: float,
) -> Subject:
    """Whose answers and sizes are not known yet. Raises BadData for inputs that are no images."""
    if features.ndim != 4:
        raise BadData(
            "the bound is for images; the features of a table's columns depend on all of its rows, so that the "
            "network alone does not say how it classifies new ones"
        )
    nothing = np.zeros(0, np.int64)
    return Subject(
        architecture,
        weights,
        features,
        nothing,
        nothing,
        section_bytes=0,
        equal_length_bytes=0,
        equal_length_bits=0.0,
        may_vary=frozenset(),
        raw_bytes=sum(array.nbytes for array in weights.values()),
        others=(*_name_paid(architecture), ("range of the inputs", range_bits(features))),
        coded=coded,
        names_bits=names_bits,
    )


def _name_paid(architecture: Architecture) -> tuple[tuple[str, float], ...]:
    """What tells a network without a number of its own: its name behind a byte for the length, and its version."""
    if architecture.number != NetId.NAMED:
        return ()
    size = 1 + len(architecture.name.encode()) + len(unsigned(architecture.version))
    return (("name of the network", 8.0 * size),)


def _answered(subject: Subject, classes: np.ndarray, k: int) -> Subject:
    from mdlcodec.nn.exact_prediction import exact_outputs

    if k < 2:
        raise BadData(_ONE_CLASS)
    check_fit(subject.architecture, subject.weights, subject.x.shape[1:], k)
    scores = exact_outputs(subject.architecture, subject.weights, subject.x)
    return replace(subject, y=classes.astype(np.int64), answers=scores.argmax(1), k=k)


def range_bits(features: np.ndarray) -> float:
    """Bits that tell which values became 0 and 1 in features in [0, 1] (formats/data.md, section 5).

    One says that they are 8-bit pixels, from 0 to 255; for all else two float64 follow.
    """
    return 1.0 if are_pixels(features) else 1.0 + _TWO_DOUBLES
