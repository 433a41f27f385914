"""Network sections with one thing wrong, as no encoder writes them (refused_cases.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from section_writer import TOOLS, Chosen, SectionWriter

from mdlcodec.container import write_frame
from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.descriptions.tensors.positions import CSR, DENSE, EMPTY
from mdlcodec.descriptions.tensors.tensor_coder import PositionChoice, Positions
from mdlcodec.descriptions.tensors.values import codebook, fixed, mixed, raw
from mdlcodec.descriptions.tensors.values.fields import Fields
from mdlcodec.descriptions.tensors.values.mixed import Shape
from mdlcodec.descriptions.tensors.values.plan import Plan
from mdlcodec.descriptions.tensors.view import PLAIN
from mdlcodec.mixing.logistic import INTEGER_SLOTS, code_even, code_integer

NOTHING, DENSE_VECTOR, ROWS = PositionChoice(EMPTY), PositionChoice(DENSE), PositionChoice(CSR)


def network(section: bytes) -> bytes:
    """The network file of a section."""
    return write_frame(1, section)


def vector(values: Sequence[float], dtype: str = "f4", name: str = "w") -> Tensor:
    """A tensor of one axis."""
    return Tensor.of(name, np.array(values, dtype))


def matrix(dtype: str = "f4") -> Tensor:
    """A sparse tensor of two axes, (4, 6)."""
    at = np.arange(24)
    return Tensor.of("w", np.where(at * at % 7 == 2, at % 5 - 2, 0).astype(dtype).reshape(4, 6))


def section(*chosen: Chosen, count: int | None = None) -> bytes:
    """The section of tensors, of which it may say that there are others."""
    writer = SectionWriter(len(chosen) if count is None else count)
    for one in chosen:
        writer.describe(one.tensor)
        writer.content(one)
    return writer.finish()


def written(
    tensor: Tensor, then: Callable[[SectionWriter], object], *before: Chosen, described: bool = True
) -> bytes:
    """A network file whose last tensor is written by ``then``, after its description or instead of it."""
    writer = SectionWriter(len(before) + 1)
    for one in before:
        writer.describe(one.tensor)
        writer.content(one)
    if described:
        writer.describe(tensor)
    then(writer)
    return network(writer.finish())


def integers(*pairs: tuple[int, int]) -> Callable[[SectionWriter], None]:
    """Writes integers: (kind, value) each."""

    def then(writer: SectionWriter) -> None:
        for kind, value in pairs:
            writer.descriptions.integer(kind, value)

    return then


def viewed(number: int, *sides: int, shape: tuple[int, ...] = (4, 6)) -> bytes:
    """A dense tensor of ones of int8 under a view of that number, with those sides of a split."""
    tensor = Tensor.of("w", np.ones(shape, np.int8))
    pairs = [(4, DENSE), (5, number), *((6, side) for side in sides)]
    return written(tensor, integers(*pairs, (4, 1), (6, 0), (8, 128)))


def named(name: bytes) -> Callable[[SectionWriter], None]:
    """Writes a name of any bytes."""

    def then(writer: SectionWriter) -> None:
        writer.descriptions.integer(0, len(name))
        writer.descriptions._code_text(writer.coder, np.frombuffer(name, np.uint8).copy())

    return then


def rows(count: int, *gaps: int) -> Callable[[SectionWriter], None]:
    """Writes the first row in the tool CSR: how many non-zeros, and gaps of rows of six."""

    def then(writer: SectionWriter) -> None:
        integers((4, CSR), (5, 0))(writer)
        code_integer(writer.coder.coding(126), writer.learned.csr, 0, count)
        for gap in gaps:
            mean = (6 - count) // count
            code_integer(
                writer.coder.coding(126), writer.learned.csr, INTEGER_SLOTS * (1 + mean.bit_length()), gap
            )

    return then


def step(pattern: int, below: int, above: int) -> Callable[[SectionWriter], None]:
    """Writes the header of a dense tensor's values as multiples of a step of 32 bits."""

    def then(writer: SectionWriter) -> None:
        integers((4, DENSE), (4, 2))(writer)
        writer.descriptions.even(32, pattern)
        integers((6, below), (6, above))(writer)

    return then


def _values(writer: SectionWriter, tool: int, shape: Shape, fields: Fields) -> None:
    """Writes the values of a dense vector by their fields."""
    count = len(fields[1])
    seen, in_kernels = np.ones((count, 1, 1, 1), np.uint8), np.ones((count, 1), np.int64)
    plan = Plan(shape, split=lambda _: fields, join=lambda _: np.zeros(count, np.uint8))
    places = Positions(DENSE, PLAIN, seen, in_kernels, None)
    writer.tensor_coder.values(plan, tool, places, np.zeros(count, np.uint8))


def raw_integer(length: int) -> Callable[[SectionWriter], None]:
    """Writes a dense value of int8, positive, whose magnitude has so many bits, zeros below the leading one."""

    def then(writer: SectionWriter) -> None:
        integers((4, DENSE), (4, raw.NUMBER), (5, length))(writer)
        levels = np.clip(15 - length + np.arange(128), 1, 15).astype(np.uint8)
        shape = Shape(mixed.BOTH, 7, np.clip(np.arange(128) - 1, 0, 63), np.stack([levels, levels]))
        fields = np.zeros(1, np.uint8), np.array([length]), np.zeros(1, np.uint64)
        _values(writer, raw.NUMBER, shape, fields)

    return then


def rank_beyond(tool: str) -> Callable[[SectionWriter], None]:
    """Writes three dense values of uint8 of a codebook 1, 2, 3, the last of which has rank 3."""

    def then(writer: SectionWriter) -> None:
        number = TOOLS[tool].NUMBER
        integers((4, DENSE), (4, number), (6, 2), (8, 1), (9, 0), (8, 0))(writer)
        ranks = np.array([0, 1, 3])
        if tool == fixed.NAME:
            for rank in ranks:
                code_even(writer.coder.coding(2), 2, rank)
            return
        shape = codebook.plan_of(np.arange(1, 4, dtype=np.uint64), DTYPES[11]).shape
        _values(writer, number, shape, (np.zeros(3, np.uint8), ranks, np.zeros(3, np.uint64)))

    return then


def zero_in_codebook(writer: SectionWriter) -> None:
    """Writes two dense values of float32, both 1, of a codebook 0, 1."""
    zero, one = 1 << 31, 0xBF800000  # order keys
    integers((4, DENSE), (4, codebook.NUMBER), (6, 1), (8, zero), (8 + 32, one - zero - 1))(writer)
    shape = codebook.plan_of(np.array([zero, one], np.uint64), DTYPES[1]).shape
    _values(
        writer, codebook.NUMBER, shape, (np.zeros(2, np.uint8), np.ones(2, np.int64), np.zeros(2, np.uint64))
    )


def codebook_4097(writer: SectionWriter) -> None:
    """Writes 4,097 dense values of uint16, each the first entry of a codebook 1, 2, .., 4097."""
    integers((4, DENSE), (4, fixed.NUMBER), (6, 4096), (8, 1), (9, 0), *[(8, 0)] * 4095)(writer)
    for _ in range(4097):
        code_even(writer.coder.coding(13), 13, 0)
