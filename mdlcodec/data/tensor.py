"""A named tensor as the bits that it holds: what a network file gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdlcodec.errors import BadData

MAX_TENSORS = 1 << 16
"""Most tensors of a network."""


@dataclass(frozen=True)
class DType:
    """An element type: ``number`` is its id in the file (formats/network.md, "Layout")."""

    name: str  # safetensors' word for it
    number: int
    bits: int  # 8, 16, 32 or 64
    exponent_bits: int  # 0 for integers
    numpy: str | None  # None where numpy has none
    bias: int = 0  # of the exponent, for types that numpy has not
    negative_zero: bool = True  # whether the sign bit alone is a zero; of no account for integers

    @property
    def pattern(self) -> np.dtype[np.unsignedinteger]:
        """The unsigned integers that hold its patterns."""
        return np.dtype(f"u{self.bits // 8}")

    def nonzero(self, patterns: np.ndarray) -> np.ndarray:
        """Which patterns are not zero, of either sign: bool of their shape."""
        shifted = patterns << patterns.dtype.type(1) if self.signed_zero else patterns
        return np.asarray(shifted != 0)

    def has(self, patterns: np.ndarray) -> bool:
        """Whether all patterns are values of the type. Booleans are 0 and 1: numpy relies on it."""
        return self.name != "BOOL" or not (patterns > 1).any()

    @property
    def signed_zero(self) -> bool:
        """Whether there are zeros of either sign."""
        return bool(self.exponent_bits) and self.negative_zero


DTYPES = (
    DType("F64", 0, 64, 11, "f8"),
    DType("F32", 1, 32, 8, "f4"),
    DType("F16", 2, 16, 5, "f2"),
    DType("BF16", 3, 16, 8, None, 127),
    DType("I64", 4, 64, 0, "i8"),
    DType("I32", 5, 32, 0, "i4"),
    DType("I16", 6, 16, 0, "i2"),
    DType("I8", 7, 8, 0, "i1"),
    DType("U64", 8, 64, 0, "u8"),
    DType("U32", 9, 32, 0, "u4"),
    DType("U16", 10, 16, 0, "u2"),
    DType("U8", 11, 8, 0, "u1"),
    DType("BOOL", 12, 8, 0, "?"),
    DType("F8_E4M3", 13, 8, 4, None, 7),
    DType("F8_E5M2", 14, 8, 5, None, 15),
    DType("F8_E4M3FNUZ", 15, 8, 4, None, 8, negative_zero=False),
    DType("F8_E5M2FNUZ", 16, 8, 5, None, 16, negative_zero=False),
    DType("F8_E8M0", 17, 8, 0, None, 127),  # powers of two alone: coded as an unsigned integer
)
_BY_NAME = {dtype.name: dtype for dtype in DTYPES}
_BY_NUMPY = {np.dtype(dtype.numpy): dtype for dtype in DTYPES if dtype.numpy is not None}


@dataclass(frozen=True, eq=False)
class Tensor:
    """Name, element type, and the patterns of the elements: unsigned integers of its width, C-contiguous."""

    name: str
    dtype: DType
    patterns: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape; () for a single number."""
        return self.patterns.shape

    @classmethod
    def of(cls, name: str, array: np.ndarray) -> Tensor:
        """The tensor of a numpy array of any shape and byte order; BadData for other kinds of elements."""
        dtype = _BY_NUMPY.get(array.dtype.newbyteorder("="))
        if dtype is None:
            raise BadData(f"tensor {name!r} has elements of type {array.dtype}; give numbers")
        native = np.asarray(array, dtype.numpy, order="C")  # ascontiguousarray would make () to (1,)
        return cls(name, dtype, native.view(dtype.pattern)).checked()

    @classmethod
    def of_bytes(cls, name: str, dtype: str, shape: tuple[int, ...], data: bytes | bytearray) -> Tensor:
        """The tensor whose elements lie in data, little-endian; BadData for an unknown dtype."""
        if dtype not in _BY_NAME:
            raise BadData(f"tensor {name!r} has elements of type {dtype}, which cannot be packed")
        kind = _BY_NAME[dtype]
        patterns = np.frombuffer(data, kind.pattern.newbyteorder("<")).reshape(shape)
        return cls(name, kind, patterns.astype(kind.pattern, copy=False)).checked()

    def checked(self) -> Tensor:
        """The same; raises BadData for patterns that are no values."""
        if not self.dtype.has(self.patterns):
            raise BadData(
                f"tensor {self.name!r} has booleans that are neither 0 nor 1; give them as integers"
            )
        return self

    def array(self) -> np.ndarray:
        """The elements as numpy has them: those of types that it has not as float32 of the same values."""
        if self.dtype.numpy is not None:
            return self.patterns.view(self.dtype.numpy)
        if self.dtype.bits == 8:
            return values_of_bytes(self.dtype)[self.patterns]
        return (self.patterns.astype(np.uint32) << np.uint32(16)).view(np.float32)


def values_of_bytes(dtype: DType) -> np.ndarray:
    """The value of each pattern of a type of eight bits that numpy has not: float32 (256,)."""
    patterns = np.arange(256, dtype=np.int64)
    if dtype.exponent_bits == 0:
        values = np.ldexp(np.ones(256), patterns - dtype.bias)
        values[255] = np.nan
        return values.astype(np.float32)
    mantissa_bits = 7 - dtype.exponent_bits
    exponents, mantissas = (patterns & 127) >> mantissa_bits, patterns & (1 << mantissa_bits) - 1
    leading = np.where(exponents > 0, 1 << mantissa_bits, 0)
    values = np.ldexp(
        (leading + mantissas).astype(np.float64), np.maximum(exponents, 1) - dtype.bias - mantissa_bits
    )
    if not dtype.negative_zero:
        values[128] = np.nan  # takes the place of -0.0; there is no infinity
    elif dtype.exponent_bits == 4:
        values[[127, 255]] = np.nan  # no infinity
    else:
        values[124:128] = values[252:256] = [np.inf, np.nan, np.nan, np.nan]
    return np.where(patterns >= 128, -values, values).astype(np.float32)
