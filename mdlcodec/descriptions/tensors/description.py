"""Names, element types and shapes of tensors in the coder's bits (formats/network.md, "Layout").

Names are coded byte by byte under a mixture of what followed the last bytes before; the mixture has read some
usual names when it starts.
"""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt

from mdlcodec.compiled import njit
from mdlcodec.data.tensor import DTYPES, DType
from mdlcodec.errors import BadData, CorruptFile, Unsupported
from mdlcodec.limits import ANY_WORK, Budget
from mdlcodec.mixing.logistic import (
    HALF,
    INTEGER_SLOTS,
    BitDecoder,
    BitEncoder,
    code_adaptive,
    code_even,
    code_integer,
    code_mixed,
    new_mixture,
)

MAX_NAME_BYTES = 1 << 13
MAX_NAMES_BYTES = 1 << 20
MAX_AXES = 64
MAX_ELEMENTS = 1 << 56

KINDS = 48  # of integers
INTEGER = 330_000  # operations that take as long as one

_CONTEXTS = 6
_CONTEXT_BITS = 16
_BYTE_BITS = 8
_HISTORY = 8  # bytes that contexts look back
_WINDOW = 1024  # and matches
_PRIMER = (
    b"conv1.weight\0conv1.bias\0conv2.weight\0conv2.bias\0fc1.weight\0fc1.bias\0fc2.weight\0fc2.bias\0"
    b"conv1/weights\0conv1/biases\0conv1.kernel\0dense.kernel\0layer1.0.conv1.weight\0layer1.0.bn1.weight\0"
    b"layer1.0.bn1.bias\0layer1.0.bn1.running_mean\0layer1.0.bn1.running_var\0"
    b"layer1.0.bn1.num_batches_tracked\0features.0.weight\0classifier.weight\0linear.bias\0"
    b"encoder.layers.0.self_attn.in_proj_weight\0embedding.weight\0norm.weight\0ip1.0\0ip1.1\0"
)

Coder = BitEncoder | BitDecoder


@njit(cache=True)
def _code_text(coding, mixture, history, text, start):  # type: ignore[no-untyped-def]
    """Code text uint8 (n,) from `start` on; history: uint8 (h,) of bytes before, text follows it there.

    A context is a hash of the last 1, 2, 3, 4 or 6 bytes, or the byte that followed the longest match.
    """
    size = start
    mask = (1 << _CONTEXT_BITS) - 1
    for i in range(text.shape[0]):
        match, longest = 0, 0
        for candidate in range(max(1, size - _WINDOW), size):
            length = 0
            most = min(8, candidate)
            while length < most and history[candidate - 1 - length] == history[size - 1 - length]:
                length += 1
            if length >= longest and length > 0:
                longest, match = length, history[candidate] + 1
        node = 1
        byte = np.int64(text[i])
        for depth in range(_BYTE_BITS):
            for order in range(5):
                code = order + 1
                for k in range(order + 1 if order < 4 else 6):
                    code = (code * 771 + history[size - 1 - k] + 1) * 2654435 & 0xFFFFFFFF
                code = (code + node * 40503) * 2654435 & 0xFFFFFFFF
                mixture.indices[order] = (order << _CONTEXT_BITS) + (code >> 8 & mask)
            expected = 0
            if match and (match - 1 | 256) >> (_BYTE_BITS - depth) == node:
                expected = 1 + 2 * longest + ((match - 1) >> (_BYTE_BITS - 1 - depth) & 1)
            mixture.indices[5] = (5 << _CONTEXT_BITS) + expected
            bit = code_mixed(coding, mixture, min(longest, 3), byte >> (_BYTE_BITS - 1 - depth) & 1)
            node = node << 1 | bit
        text[i] = history[size] = node & 255
        size += 1


class Descriptions:
    """Codes descriptions one after the other, learning; either direction, by the coder it is given."""

    def __init__(self, coder: Coder, budget: Budget | None = None) -> None:
        """``budget``: what integers may take, before LimitExceeded is raised."""
        self._coder = coder
        self._budget = Budget(ANY_WORK) if budget is None else budget
        weights = [round(65536 * 0.35)] * _CONTEXTS
        self._mixture = new_mixture(_CONTEXTS << _CONTEXT_BITS, 4, weights, _CONTEXTS, (4, 24, 60))
        self._slots = np.full(INTEGER_SLOTS * KINDS + 16, HALF, np.uint32)
        self._history = np.zeros(_HISTORY + len(_PRIMER), np.uint8)
        self._size = _HISTORY
        self._code_text(BitEncoder(), np.frombuffer(_PRIMER, np.uint8).copy())
        self._names_bytes = 0
        self._weights: tuple[int, ...] = (-1,)  # the last shape of two axes or more
        self._kernels: tuple[int, ...] = ()  # the last shape of three axes or more

    def copied(self, coder: Coder) -> Descriptions:
        """For a trial of integers with another coder; names are not for trial."""
        trial = copy.copy(self)
        trial._coder, trial._slots = coder, self._slots.copy()
        trial._budget = Budget(ANY_WORK)
        return trial

    def integer(self, kind: int, value: int = 0) -> int:
        """Code an integer in 0..2^63-2 with others of its kind, 0..KINDS-1."""
        self._budget.spend(INTEGER)
        return int(code_integer(self._coder.coding(64 + 62), self._slots, INTEGER_SLOTS * kind, value))

    def even(self, bits: int, value: int = 0) -> int:
        """Code an integer of so many bits, at that price; up to 64."""
        high = int(code_even(self._coder.coding(32), max(bits - 32, 0), value >> 32))
        return high << 32 | int(code_even(self._coder.coding(32), min(bits, 32), value & 0xFFFFFFFF))

    def name(self, name: str | None) -> str:
        """Code a name; BadData if it is not Unicode text or too long, CorruptFile in the other direction."""
        text = b""
        if name is not None:
            try:
                text = name.encode()
            except UnicodeEncodeError as error:
                raise BadData(f"the name {name!r} is not Unicode text: rename the tensor") from error
            if len(text) > MAX_NAME_BYTES:
                raise BadData(f"a name of {len(text):,} bytes is too long: rename the tensor")
        size = self.integer(0, len(text))
        self._names_bytes += size
        if size > MAX_NAME_BYTES or self._names_bytes > MAX_NAMES_BYTES:
            problem = f"names of {self._names_bytes:,} bytes are too long"
            raise (
                CorruptFile(f"damaged: {problem}") if name is None else BadData(f"{problem}: rename tensors")
            )
        coded = np.zeros(size + 1, np.uint8)
        coded[:-1] = np.frombuffer(text.ljust(size, b"\0"), np.uint8)
        self._code_text(self._coder, coded[:-1])
        self._remember(coded[-1:])
        try:
            return coded[:-1].tobytes().decode()
        except UnicodeDecodeError as error:
            raise CorruptFile("damaged: the name of a tensor is not UTF-8") from error

    def dtype(self, dtype: DType | None) -> DType:
        """Code an element type; Unsupported for an unknown one."""
        number = self.integer(1, 0 if dtype is None else dtype.number)
        if number >= len(DTYPES):
            raise Unsupported(
                f"element type {number}, which this program does not know: install a newer mdlcodec"
            )
        return DTYPES[number]

    def shape(self, shape: tuple[int, ...] | None) -> tuple[int, ...]:
        """Code a shape; CorruptFile if no tensor has it."""
        axes = self.integer(2, 0 if shape is None else len(shape))
        if axes > MAX_AXES:
            raise CorruptFile(f"damaged: a tensor of {axes} axes")
        extents: list[int] = []
        elements = 1
        for axis in range(axes):
            extents.append(self._extent(axes, axis, None if shape is None else shape[axis]))
            elements *= max(extents[-1], 1)
            if elements > MAX_ELEMENTS:
                raise CorruptFile("damaged: a tensor of more than 2^56 elements")
        if axes >= 2:
            self._weights = tuple(extents)
        if axes >= 3:
            self._kernels = tuple(extents)
        return tuple(extents)

    def _extent(self, axes: int, axis: int, extent: int | None) -> int:
        """An extent is often that of outputs before, or that of the same axis of the last tensor like this."""
        expected = -1
        if axes == 1 or axis == 1:
            expected = self._weights[0]
        elif axis >= 2 and axis < len(self._kernels):
            expected = self._kernels[axis]
        if expected >= 0:
            self._budget.spend(INTEGER)
            slot = INTEGER_SLOTS * KINDS + min(axes, 3) * 4 + min(axis, 3)
            if code_adaptive(self._coder.coding(1), self._slots, slot, int(extent == expected)):
                return expected
        return self.integer(3 + min(axis, 1), 0 if extent is None else extent)

    def _code_text(self, coder: Coder, text: npt.NDArray[np.uint8]) -> None:
        self._reserve(text.size)
        coding = coder.coding(_BYTE_BITS * text.size)
        _code_text(coding, self._mixture, self._history, text, self._size)
        self._size += text.size

    def _remember(self, text: npt.NDArray[np.uint8]) -> None:
        self._reserve(text.size)
        self._history[self._size : self._size + text.size] = text
        self._size += text.size

    def _reserve(self, size: int) -> None:
        if self._size + size > self._history.size:
            self._history = np.concatenate([self._history, np.zeros(self._history.size + size, np.uint8)])
