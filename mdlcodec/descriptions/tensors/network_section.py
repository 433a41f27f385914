"""The network section: named tensors become bytes, and come back bit for bit (formats/network.md).

One stream of coded bits. The encoder tries views, links and tools for each tensor and keeps the smallest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import MAX_TENSORS, DType, Tensor
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.learned import Learned
from mdlcodec.descriptions.tensors.positions import CSR, EMPTY, POSITION_TOOLS, SIGNIFICANCE
from mdlcodec.descriptions.tensors.tensor_coder import Positions, TensorCoder, name_work, tensor_memory
from mdlcodec.descriptions.tensors.trials import position_choice, value_choice
from mdlcodec.descriptions.tensors.values import VALUE_TOOLS
from mdlcodec.errors import BadData, CorruptFile
from mdlcodec.limits import ANY_WORK, DEFAULT_MEMORY, DEFAULT_WORK, Budget, check_memory
from mdlcodec.mixing.logistic import BitDecoder, BitEncoder

_COPIES = 6  # of a section in memory, while it is read and at the end compared
_PART_BYTES = 1 << 10  # of what is said of a tensor, besides its elements

SectionProgress = Callable[[int, float], None]
"""Is told elements done and ideal bits so far."""


@dataclass(frozen=True)
class Part:
    """One row of the table of Zhou et al. 2018, Table 3; bits are ideal codelengths inside the coder's bytes."""

    tensor: Tensor
    nonzeros: int
    positions_tool: str
    values_tool: str
    positions_bits: float
    values_bits: float
    codebook_bits: float


@dataclass(frozen=True)
class Network:
    """What a section holds; ``names_bits``: the ideal codelength of names, types and shapes."""

    parts: list[Part]
    names_bits: float

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors, in their order."""
        return [part.tensor for part in self.parts]


def encode_network(
    tensors: Sequence[Tensor],
    *,
    positions: str | None = None,
    values: str | None = None,
    progress: SectionProgress | None = None,
) -> bytes:
    """The section of these tensors. ``positions``, ``values``: a tool for all that it fits, instead of the
    smallest.

    BadData for names that are not Unicode or occur twice, and tensors that are too many.
    """
    return described_network(tensors, positions=positions, values=values, progress=progress)[0]


def described_network(
    tensors: Sequence[Tensor],
    *,
    positions: str | None = None,
    values: str | None = None,
    work: int = ANY_WORK,
    progress: SectionProgress | None = None,
) -> tuple[bytes, Network]:
    """As ``encode_network``, and what ``decode_network`` would say of the section.

    LimitExceeded, before it is done, for what takes more ``work`` in operations.
    """
    _check_names([tensor.name for tensor in tensors], BadData)
    if len(tensors) > MAX_TENSORS:
        raise BadData(f"{len(tensors):,} tensors are too many: at most {MAX_TENSORS:,} can be coded")
    _check_tool("position", positions, [POSITION_TOOLS[CSR], POSITION_TOOLS[SIGNIFICANCE]])
    _check_tool("value", values, [tool.NAME for tool in VALUE_TOOLS.values()])
    coder, budget = BitEncoder(), Budget(work)
    descriptions, learned = Descriptions(coder, budget), Learned.new()
    tensor_coder = TensorCoder(coder, descriptions, learned, budget)
    descriptions.integer(0, len(tensors))
    parts: list[Part] = []
    names_bits, done = coder.bits, 0
    before: list[tuple[int, ...]] = []
    for tensor in tensors:
        start = coder.bits
        descriptions.name(tensor.name)
        budget.spend(name_work(tensor.name))
        descriptions.dtype(tensor.dtype)
        descriptions.shape(tensor.shape)
        names_bits += coder.bits - start
        position = position_choice(tensor, before, coder, descriptions, learned, positions)
        start, spent, value_tool = coder.bits, [0.0, 0.0, 0.0], "none"
        places = tensor_coder.positions(tensor.dtype, tensor.shape, tensor.patterns, position)
        spent[0] = coder.bits - start
        if places.nonzeros:
            patterns = places.view.of(tensor.patterns)[places.seen != 0]
            value = value_choice(tensor, places, patterns, coder, descriptions, learned, values)
            start = coder.bits
            tool, plan = tensor_coder.plan(tensor.dtype, patterns.size, value)
            spent[2] = coder.bits - start
            start = coder.bits
            tensor_coder.values(plan, tool, places, patterns)
            spent[1] = coder.bits - start
            value_tool = VALUE_TOOLS[tool].NAME
        tools = POSITION_TOOLS[places.tool], value_tool
        parts.append(Part(tensor, places.nonzeros, *tools, *spent))
        learned.remember(places.in_kernels)
        before.append(tensor.shape)
        done += tensor.patterns.size
        if progress is not None:
            progress(done, coder.bits)
    return coder.finish(), Network(parts, names_bits)


def decode_network(
    section: bytes,
    *,
    memory: int = DEFAULT_MEMORY,
    work: int = DEFAULT_WORK,
    tensors: int = MAX_TENSORS,
    progress: SectionProgress | None = None,
) -> Network:
    """The tensors of a section, at most so many. CorruptFile; Unsupported for tools and types that are not
    known; LimitExceeded if they take more than ``memory`` bytes, which is known before they are allocated, or
    more ``work`` in operations, which is known part by part before it is done."""
    coder = BitDecoder(section)
    budget = Budget(work)
    descriptions, learned = Descriptions(coder, budget), Learned.new()
    tensor_coder = TensorCoder(coder, descriptions, learned, budget)
    count = descriptions.integer(0)
    if count > tensors:
        raise CorruptFile(f"damaged: {count:,} tensors, more than {tensors:,}")
    parts: list[Part] = []
    names_bits, done, held = coder.bits, 0, _COPIES * len(section)
    for _ in range(count):
        start = coder.bits
        name, dtype, shape = descriptions.name(None), descriptions.dtype(None), descriptions.shape(None)
        names_bits += coder.bits - start
        budget.spend(name_work(name))
        check_memory(held + tensor_memory(dtype, shape), memory, "its tensors up to here take")
        part, places = _decode_tensor(name, dtype, shape, coder, tensor_coder)
        if not coder.intact:
            raise CorruptFile("damaged: the coder's bytes do not hold these tensors")
        parts.append(part)
        held += part.tensor.patterns.nbytes + learned.remember(places.in_kernels) + _PART_BYTES
        done += part.tensor.patterns.size
        if progress is not None:
            progress(done, coder.bits)
    _check_names([part.tensor.name for part in parts], CorruptFile)
    if not coder.is_whole():
        raise CorruptFile("damaged: bytes are missing from its network, or follow it")
    return Network(parts, names_bits)


def check_unpacking(tensors: Sequence[Tensor], memory: int) -> None:
    """LimitExceeded if decoding these tensors takes more than ``memory`` bytes."""
    held = 0
    for tensor in tensors:
        needed = held + tensor_memory(tensor.dtype, tensor.shape)
        check_memory(needed, memory, f"decoding tensor {quoted(tensor.name)} and those before it takes")
        held += tensor.patterns.nbytes + 2 * max((*tensor.shape, 1)) + _PART_BYTES


def _decode_tensor(
    name: str, dtype: DType, shape: tuple[int, ...], coder: BitDecoder, tensor_coder: TensorCoder
) -> tuple[Part, Positions]:
    start = coder.bits
    places = tensor_coder.positions(dtype, shape, None, None)
    array = np.zeros(places.seen.shape, dtype.pattern)
    if places.negative_zeros is not None:
        array[places.negative_zeros != 0] = 1 << dtype.bits - 1
    bits = [coder.bits - start]
    value_tool = "none"
    if places.nonzeros:
        start = coder.bits
        tool, plan = tensor_coder.plan(dtype, places.nonzeros, None)
        bits.append(coder.bits - start)
        start = coder.bits
        values = tensor_coder.values(plan, tool, places, None)
        if not dtype.has(values):
            raise CorruptFile("damaged: a boolean that is neither 0 nor 1")
        if not dtype.nonzero(values).all():
            raise CorruptFile("damaged: a zero among the values that are not zero")
        array[places.seen != 0] = values
        bits.append(coder.bits - start)
        value_tool = VALUE_TOOLS[tool].NAME
    elif places.tool != EMPTY and places.seen.size:
        raise CorruptFile("damaged: a tensor without values that is not called empty")
    positions_bits, codebook_bits, values_bits = (*bits, 0.0, 0.0)[:3]
    tensor = Tensor(name, dtype, places.view.back(array, shape))
    tools = POSITION_TOOLS[places.tool], value_tool
    return Part(tensor, places.nonzeros, *tools, positions_bits, values_bits, codebook_bits), places


def _check_names(names: Sequence[str], error: type[BadData] | type[CorruptFile]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise error(f"two tensors are named {twice[0]!r}; rename one")


def _check_tool(kind: str, name: str | None, names: Sequence[str]) -> None:
    if name is not None and name not in names:
        raise BadData(f"no {kind} tool named {name!r}; choose one of {', '.join(names)}")
