"""Tensors become the bytes of a network file, and the file becomes the tensors again (formats/network.md).

What is lossy, and what is dropped, happens before anything is written; without either, every bit comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdlcodec.container import (
    is_network_file,
    is_sampled_network,
    is_text_file,
    network_sections,
    read_network_file,
    write_network_file,
)
from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.sampled_network import SampledNetwork
from mdlcodec.descriptions.tensors.network_section import (
    Network,
    Part,
    check_unpacking,
    decode_network,
    described_network,
)
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.exact.processor_state import entry
from mdlcodec.limits import DEFAULT_LIMITS, DEFAULT_MEMORY, SENDER_LIMITS, Limits

if TYPE_CHECKING:
    from mdlcodec.nn.zoo import Architecture
    from mdlcodec.sender.dropping import Dropped
    from mdlcodec.sender.lossy import Change, Lossy

ElementProgress = Callable[[str, int, int | None], None]
"""Is told what is being done, elements (or examples) done, and how many there are, if that is known."""


@dataclass(frozen=True)
class Options:
    """How to pack. ``lossy``: see `sender.lossy`; ``unsigned_zeros``: -0.0 becomes 0.0; ``net``: the network
    whose dead units are dropped; ``inputs``: float32 features on which its outputs are compared as well;
    ``positions``, ``values``: tools (None: the smallest)."""

    lossy: Lossy | None = None
    unsigned_zeros: bool = False
    net: str | None = None
    inputs: np.ndarray | None = None
    positions: str | None = None
    values: str | None = None


@dataclass(frozen=True)
class Report:
    """What went into a file: ``network`` as it was written, ``changes`` of the lossy options, and the
    names that those left alone; ``zero_signs``: how many -0.0 became 0.0; ``dropped``: None unless dead units
    were looked for."""

    network: Network
    changes: list[Change]
    kept: list[str]
    zero_signs: int
    dropped: Dropped | None


@entry
def pack(
    tensors: Sequence[Tensor],
    options: Options | None = None,
    *,
    limits: Limits = SENDER_LIMITS,
    progress: ElementProgress | None = None,
) -> tuple[bytes, Report]:
    """The network file of tensors, after what the options ask for, and what was done.

    Raises BadData for names that come twice and for what cannot be done with these tensors, LimitExceeded if
    unpacking would take more than the limits.
    """
    options = Options() if options is None else options
    left = list(tensors)
    changes: list[Change] = []
    kept: list[str] = []
    if options.lossy is not None:
        from mdlcodec.sender.lossy import change

        left, changes, kept = change(tensors, options.lossy)
    signs = 0
    if options.unsigned_zeros:
        from mdlcodec.sender.lossy import unsigned_zeros, zero_signs

        signs, left = zero_signs(left), unsigned_zeros(left)
    dropped = None
    if options.net is not None:  # last: what was pruned may leave units dead
        from mdlcodec.nn.zoo import architecture_named
        from mdlcodec.sender.dropping import drop_dead_units

        left, dropped = drop_dead_units(architecture_named(options.net), left, options.inputs, progress)
    check_unpacking(left, limits.memory)
    section, network = described_network(
        left,
        positions=options.positions,
        values=options.values,
        work=limits.work,
        progress=_elements("packing", progress, sum(tensor.patterns.size for tensor in left)),  # integers
    )
    return write_network_file(section), Report(network, changes, kept, signs, dropped)


@entry
def unpack(blob: bytes, limits: Limits, *, progress: ElementProgress | None = None) -> Network:
    """The network in a network file, or in a label file of a two-part code, within the limits.

    Raises CorruptFile, Unsupported, LimitExceeded, and BadData for a label file without a network.
    """
    if is_network_file(blob) and is_sampled_network(blob):
        return sampled(SampledNetwork.read(blob), limits)
    return decode_network(
        section_of(blob, limits.memory),
        memory=limits.memory,
        work=limits.work,
        progress=_elements("unpacking", progress, None),
    )


def sampled(file: SampledNetwork, limits: Limits = DEFAULT_LIMITS) -> Network:
    """The network of a file of a sample, as a network of tensors: its bits are those of the blocks' indices."""
    weights = file.weights(limits)
    bits = file.bits_of(weights)
    parts = []
    for name, array in weights.items():
        nonzeros = int(np.count_nonzero(array))
        tools = ("dense", "sample") if nonzeros else ("empty", "none")
        parts.append(Part(Tensor.of(name, array), nonzeros, *tools, 0.0, bits[name], 0.0))
    return Network(parts, 0.0)


def section_of(blob: bytes, memory: int = DEFAULT_MEMORY) -> bytes:
    """The network section of a file, not yet decoded. Raises as ``unpack`` does, and BadData for a sample,
    which has none."""
    if is_network_file(blob) and is_sampled_network(blob):
        raise BadData("a file of a sample of a network has no network section")
    if is_network_file(blob):
        return read_network_file(blob)
    from mdlcodec.files import label_file, text_file

    if is_text_file(blob):
        return text_file.network_section(blob)
    return label_file.network_section(blob, memory)


def inspect(blob: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """What is in a network file, in values that JSON can hold; the sections' bytes add up to the file's.

    Raises as ``unpack`` does: the sizes of the parts are known only when the file has been decoded.
    """
    return facts(blob, unpack(blob, limits))


def facts(blob: bytes, network: Network) -> dict[str, Any]:
    """As ``inspect``, of a network file that has been decoded."""
    own: dict[str, Any] = {}
    if is_sampled_network(blob):
        file = SampledNetwork.read(blob)
        own = {
            "net": file.architecture().name,
            "shape": list(file.shape),
            "outputs": file.k,
            "seed": file.seed,
        }
        sizes = file.sections()
    else:
        sizes = network_sections(blob)
    sections = [{"name": name, "bytes": size} for name, size in sizes]
    return {"kind": "network", "bytes": len(blob)} | own | network_facts(network) | {"sections": sections}


def network_facts(network: Network) -> dict[str, Any]:
    """What is in a network, in values that JSON can hold. Bits are ideal codelengths within one stream."""
    return {
        "elements": sum(part.tensor.patterns.size for part in network.parts),  # integers
        "nonzeros": sum(part.nonzeros for part in network.parts),  # integers
        "weights_bytes": sum(part.tensor.patterns.nbytes for part in network.parts),  # integers
        "names_bits": network.names_bits,
        "tensors": [_part_facts(part) for part in network.parts],
    }


def _part_facts(part: Part) -> dict[str, Any]:
    return {
        "name": part.tensor.name,
        "dtype": part.tensor.dtype.name,
        "shape": list(part.tensor.shape),
        "elements": part.tensor.patterns.size,
        "nonzeros": part.nonzeros,
        "positions_tool": part.positions_tool,
        "values_tool": part.values_tool,
        "positions_bits": part.positions_bits,
        "values_bits": part.values_bits,
        "codebook_bits": part.codebook_bits,
    }


def accuracy(
    network: Network, architecture: Architecture, features: np.ndarray, classes: np.ndarray
) -> float:
    """Share of examples, features (m, ...) and classes int (m,), whose largest score under the network, in exact
    arithmetic, is their class'. Raises BadData for a network that does not fit."""
    from mdlcodec.nn.exact_prediction import exact_outputs
    from mdlcodec.nn.weights import weights_of

    weights = weights_of(architecture, [tensor.array() for tensor in network.tensors], layouts=(False,))
    answers = np.argmax(exact_outputs(architecture, weights, features), 1)
    return float(np.count_nonzero(answers == classes) / len(classes))  # reported only


def digest(tensors: Sequence[Tensor]) -> str:
    """SHA-256, hexadecimal, of names, types, shapes and every bit of the elements, in the tensors' order."""
    sha = hashlib.sha256()
    for tensor in tensors:
        name = tensor.name.encode()
        shape = ",".join(map(str, tensor.shape))
        sha.update(f"{len(name)} {tensor.dtype.name} {shape}\n".encode() + name)
        little = tensor.patterns.astype(tensor.patterns.dtype.newbyteorder("<"), copy=False)
        sha.update(little.tobytes())
    return sha.hexdigest()


def tensors_of(weights: object) -> list[Tensor]:
    """The tensors of a dict of arrays or torch tensors by name. Raises BadData."""
    from mdlcodec.data.array_likes import as_array, is_tensor, refuse_without_values, refused

    if not isinstance(weights, Mapping):
        raise BadData(f"weights were given as {type(weights).__name__}; give a dict of arrays by name")
    tensors = []
    for name, value in weights.items():
        if not isinstance(name, str):
            raise BadData(f"a tensor's name is of type {type(name).__name__}; give a string")
        if is_tensor(value):
            from mdlcodec.data.weights.pytorch import tensor_of

            try:
                refuse_without_values(value, f"tensor {quoted(name)}")
                tensors.append(tensor_of(name, value))
            except MdlcodecError:
                raise
            except Exception as error:  # torch.func's wrappers, lazy modules' parameters
                advice = "give a plain tensor with values"
                raise refused(f"tensor {quoted(name)}", error, advice) from error
            continue
        tensors.append(Tensor.of(name, as_array(value, f"tensor {quoted(name)}")))
    return tensors


def _elements(
    what: str, progress: ElementProgress | None, total: int | None
) -> Callable[[int, float], None] | None:
    if progress is None:
        return None
    report = progress  # for the type checker
    return lambda done, bits: report(what, done, total)
