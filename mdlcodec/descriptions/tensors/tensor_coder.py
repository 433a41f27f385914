"""One tensor in the coder's bits, in both directions (formats/network.md, "Layout")."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdlcodec.data.tensor import DType
from mdlcodec.descriptions.tensors.description import INTEGER, MAX_NAME_BYTES, Coder, Descriptions
from mdlcodec.descriptions.tensors.learned import Learned
from mdlcodec.descriptions.tensors.positions import (
    CSR,
    DENSE,
    EMPTY,
    POSITION_TOOLS,
    SIGNIFICANCE,
    csr,
    significance,
    zero_signs,
)
from mdlcodec.descriptions.tensors.values import VALUE_TOOLS, codebook, fixed, mixed
from mdlcodec.descriptions.tensors.values.plan import Header, Patterns, Plan
from mdlcodec.descriptions.tensors.view import ORDERS, PLAIN, View
from mdlcodec.errors import CorruptFile, Unsupported
from mdlcodec.limits import ANY_WORK, Budget

_ELEMENTS_AT_ONCE = 1 << 16
_MAX_SPLIT = 1 << 12
# per element: its position, level and sign, and its value as three fields, some of it twice
_WORKING_BYTES = 60
_COUNTING_BYTES = 100  # per input: counts and sums
_BANK_BYTES = 1 << 24
# operations that take as long as ...
_TENSOR = 6_000_000  # a tensor, however small
_VALUES = 6_000_000  # that it has values
_ELEMENT = 300  # an element that needs no bits
_SIGNIFICANT = 10_000  # a bit of significance
_INTEGER = 10_000  # an integer of CSR
_BIT = 6_000  # any other bit
_NAME_BYTE = 300_000  # a byte of a name
_INTEGERS = 16  # that describe a tensor, at most, besides its axes and its codebook


@dataclass(frozen=True)
class PositionChoice:
    """A tool, a view, and for axes a and b a link: 0 for none, or 1 + 2 (tensors back - 1) + axis."""

    tool: int
    view: View = PLAIN
    links: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class ValueChoice:
    """A tool, and the header that describes its plan."""

    tool: int
    header: Header


@dataclass(frozen=True)
class Positions:
    """Which elements are not zero. seen: uint8 (a, b, c, d); in_kernels: int64 (a, b), non-zeros;
    negative_zeros: uint8 (a, b, c, d), 1 for -0.0, None where there is none."""

    tool: int
    view: View
    seen: npt.NDArray[np.uint8]
    in_kernels: npt.NDArray[np.int64]
    negative_zeros: npt.NDArray[np.uint8] | None

    @property
    def nonzeros(self) -> int:
        """How many."""
        return int(self.in_kernels.sum())  # integers


def tensor_memory(dtype: DType, shape: tuple[int, ...]) -> int:
    """Bytes that coding a tensor takes at most, the tensor among them; axes without extent count as one."""
    extents = [max(extent, 1) for extent in shape]
    elements = math.prod(extents)
    inputs = 1
    if len(extents) >= 2:
        inputs = elements // min(extents[axis] for axis in (0, 1, -1, -2))
    return elements * (2 * dtype.bits // 8 + _WORKING_BYTES) + inputs * _COUNTING_BYTES + _BANK_BYTES


def name_work(name: str) -> int:
    """Operations for a tensor's name, type and shape."""
    return _TENSOR + _NAME_BYTE * len(name.encode())


def tensor_work(dtype: DType, shape: tuple[int, ...]) -> int:
    """Operations that decoding a tensor takes at most, its name among them."""
    elements = math.prod(max(extent, 1) for extent in shape)
    each = 4 * _ELEMENT + 2 * max(_SIGNIFICANT, _INTEGER) + (2 + dtype.bits) * _BIT
    integers = len(shape) + _INTEGERS + 2 * min(elements, codebook.MAX_ENTRIES)
    described = name_work("") + _NAME_BYTE * MAX_NAME_BYTES + _VALUES + integers * INTEGER
    return described + elements * each


class TensorCoder:
    """Codes positions and values of tensors with a coder of either direction."""

    def __init__(
        self, coder: Coder, descriptions: Descriptions, learned: Learned, budget: Budget | None = None
    ) -> None:
        """``budget``: what coding may take, before LimitExceeded is raised."""
        self._coder, self._descriptions, self._learned = coder, descriptions, learned
        self._budget = Budget(ANY_WORK) if budget is None else budget

    def positions(
        self, dtype: DType, shape: tuple[int, ...], patterns: Patterns | None, choice: PositionChoice | None
    ) -> Positions:
        """Code which patterns of that type and shape are not zero, and the signs of those that are, under the
        choice; or decode if patterns and choice are None."""
        tool = self._descriptions.integer(4, 0 if choice is None else choice.tool)
        if tool not in POSITION_TOOLS:
            raise Unsupported(f"position tool {tool} is not known to this program: install a newer mdlcodec")
        elements = math.prod(max(extent, 1) for extent in shape)
        self._budget.spend(elements * (2 * _ELEMENT + (_SIGNIFICANT if tool == SIGNIFICANCE else 0)))
        view = PLAIN
        if tool != EMPTY and len(shape) >= 2:
            view = self._view(shape, None if choice is None else choice.view)
        seen = np.zeros(view.extents(shape), np.uint8)  # (a, b, c, d)
        negative_zeros = None
        if patterns is not None:
            array = view.of(patterns)
            seen[:] = dtype.nonzero(array)
            negative_zeros = ((seen == 0) & (array != 0)).view(np.uint8)
        if seen.size:
            if tool == DENSE:
                seen[:] = 1
            elif tool == CSR:
                self._rows(seen.reshape(seen.shape[0], -1))  # (a, b c d)
            elif tool == SIGNIFICANCE:
                self._significance(seen, None if choice is None else choice.links)
            if tool != DENSE and dtype.signed_zero:
                negative_zeros = self._zero_signs(seen, negative_zeros)
        return Positions(tool, view, seen, seen.sum((2, 3), dtype=np.int64), negative_zeros)  # integers

    def _zero_signs(
        self, seen: npt.NDArray[np.uint8], negative: npt.NDArray[np.uint8] | None
    ) -> npt.NDArray[np.uint8] | None:
        occur = self._descriptions.integer(4, 0 if negative is None else int(negative.any()))
        if occur == 0:
            return None
        self._budget.spend(seen.size * _BIT)
        if negative is None:
            negative = np.zeros(seen.shape, np.uint8)
        flat, signs, before = seen.reshape(-1), negative.reshape(-1), 0  # in the view's order
        for first in range(0, seen.size, _ELEMENTS_AT_ONCE):
            stop = min(first + _ELEMENTS_AT_ONCE, seen.size)
            coding = self._coder.coding(stop - first)
            before = zero_signs.code_zero_signs(
                coding, self._learned.zero_signs, flat, signs, first, stop, before
            )
        return negative

    def plan(self, dtype: DType, nonzeros: int, choice: ValueChoice | None) -> tuple[int, Plan]:
        """Code the value tool and its plan."""
        self._budget.spend(_VALUES)
        tool = self._descriptions.integer(4, 0 if choice is None else choice.tool)
        if tool not in VALUE_TOOLS:
            raise Unsupported(f"value tool {tool} is not known to this program: install a newer mdlcodec")
        header = None if choice is None else choice.header
        plan: Plan = VALUE_TOOLS[tool].code_plan(self._descriptions, header, dtype, nonzeros)
        return tool, plan

    def values(self, plan: Plan, tool: int, positions: Positions, values: Patterns | None) -> Patterns:
        """Code the values (n,) of the elements that are not zero, in the view's order."""
        shape, seen, nonzeros = plan.shape, positions.seen, positions.nonzeros
        bits = shape.head_bits + (shape.signs == mixed.BOTH)
        most = bits if plan.even else bits + int(shape.tail_bits.max())
        self._budget.spend(2 * seen.size * _ELEMENT + nonzeros * most * _BIT)
        if values is None:
            parts = (
                np.zeros(nonzeros, np.uint8),
                np.zeros(nonzeros, np.int64),
                np.zeros(nonzeros, np.uint64),
            )
        else:
            parts = plan.split(values)
        if plan.even:
            ranks = parts[0].astype(np.int64) << shape.head_bits | parts[1]
            for first in range(0, nonzeros, _ELEMENTS_AT_ONCE):
                stop = min(first + _ELEMENTS_AT_ONCE, nonzeros)
                fixed.code_ranks(self._coder.coding((stop - first) * bits), bits, ranks, first, stop)
            negative = (ranks >> shape.head_bits).astype(np.uint8)
            if shape.signs != mixed.BOTH:
                negative = np.full_like(negative, shape.signs == mixed.NEGATIVE)
            return plan.join((negative, ranks & (1 << shape.head_bits) - 1, parts[2]))
        bank = self._learned.bank(tool, shape.head_bits)
        levels, signs = np.zeros(seen.shape, np.uint8), np.zeros(seen.shape, np.int8)
        sums = mixed.new_sums(seen.shape)
        each = 1 + shape.head_bits + int(shape.tail_bits.max())
        number = 0
        for first in range(0, seen.size, _ELEMENTS_AT_ONCE):
            stop = min(first + _ELEMENTS_AT_ONCE, seen.size)
            coding = self._coder.coding((stop - first) * each)
            number = mixed.code_values(
                coding,
                bank,
                shape,
                seen,
                levels,
                signs,
                sums,
                positions.in_kernels,
                parts,
                first,
                stop,
                number,
            )
        return plan.join(parts)

    def _view(self, shape: tuple[int, ...], given: View | None) -> View:
        given = given or PLAIN
        splits = int(given.height * given.width > 1)
        splits, order = divmod(self._descriptions.integer(5, given.order + ORDERS * splits), ORDERS)
        height = width = 1
        if splits:
            height, width = (
                self._descriptions.integer(6, given.height),
                self._descriptions.integer(6, given.width),
            )
        view = View(order, height, width)
        if (
            splits > 1
            or max(height, width) > _MAX_SPLIT
            or splits != (height * width > 1)
            or not view.fits(shape)
        ):
            raise CorruptFile("damaged: a view that does not fit its tensor")
        return view

    def _rows(self, rows: npt.NDArray[np.uint8]) -> None:
        at_once = max(1, _ELEMENTS_AT_ONCE // rows.shape[1])
        for row in range(0, len(rows), at_once):
            stop = min(row + at_once, len(rows))
            integers = 0
            if not self._coder.decoding:
                integers = int(rows[row:stop].sum(dtype=np.int64)) + stop - row  # integers
            coding = self._coder.coding(integers * csr.MOST_BITS)
            if not csr.code_rows(coding, self._learned.csr, rows, row, stop):
                raise CorruptFile("damaged: positions outside their tensor")
            coded = int(rows[row:stop].sum(dtype=np.int64)) + stop - row  # integers
            self._budget.spend(coded * _INTEGER)

    def _significance(self, seen: npt.NDArray[np.uint8], links: tuple[int, int] | None) -> None:
        classes = []
        for axis in (0, 1):
            link = self._descriptions.integer(7, 0 if links is None else links[axis])
            classes.append(self._learned.linked(link, seen.shape[axis]))
        counts = significance.new_counts(seen.shape)
        for first in range(0, seen.size, _ELEMENTS_AT_ONCE):
            stop = min(first + _ELEMENTS_AT_ONCE, seen.size)
            coding = self._coder.coding(stop - first)
            significance.code_significance(
                coding, self._learned.significance, seen, classes[0], classes[1], counts, first, stop
            )
