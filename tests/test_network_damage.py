"""What formats/network.md calls damage, or unsupported, is so for the program and for the second decoder."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.frame import Damaged
from decoder.frame import Unsupported as NotHere
from decoder.network_section import decode_network as second_decoder

from mdlcodec.data.tensor import DTYPES
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.learned import Learned
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.descriptions.tensors.positions import CSR, DENSE, EMPTY, SIGNIFICANCE
from mdlcodec.descriptions.tensors.tensor_coder import PositionChoice, TensorCoder, ValueChoice
from mdlcodec.errors import CorruptFile, Unsupported
from mdlcodec.mixing.logistic import BitEncoder

TYPES = {dtype.name: dtype for dtype in DTYPES}


class Writer:
    """Writes what no tensor gives: fields one after another."""

    def __init__(self, tensors=1):
        self.coder = BitEncoder()
        self.fields = Descriptions(self.coder)
        self.tensors = TensorCoder(self.coder, self.fields, Learned.new())
        self.fields.integer(0, tensors)

    def described(self, dtype, shape, name="x"):
        """Name, type and shape."""
        self.fields.name(name)
        self.fields.dtype(TYPES[dtype])
        self.fields.shape(shape)
        return self

    def integers(self, *rows):
        """Integers, (kind, value) each."""
        for kind, value in rows:
            self.fields.integer(kind, value)
        return self

    def values(self, dtype, pattern, choice, claimed=None):
        """A dense tensor of one element, whose value is coded as one of another type, perhaps."""
        array = np.array([pattern], TYPES[claimed or dtype].pattern)
        one = np.ones(1, TYPES[dtype].pattern)
        places = self.tensors.positions(TYPES[dtype], (1,), one, PositionChoice(DENSE))
        tool, plan = self.tensors.plan(TYPES[claimed or dtype], 1, choice)
        self.tensors.values(plan, tool, places, array)
        return self


def _raw(dtype, claimed, pattern, head):
    return Writer().described(dtype, (1,)).values(dtype, pattern, ValueChoice(0, (head,)), claimed)


def _view(shape, *rows):
    return Writer().described("F32", shape).integers((4, DENSE), *rows)


def _one(dtype, *rows):
    return Writer().described(dtype, (1,)).integers((4, DENSE), *rows)


def _step(dtype, pattern, below, above):
    writer = _one(dtype, (4, 2))
    writer.fields.even(TYPES[dtype].bits, pattern)
    return writer.integers((6, below), (6, above))


def _two():
    writer = Writer(2).described("F32", (3,)).integers((4, EMPTY), (4, 0))
    return writer.described("F32", (2, 4), "y")


def _not_utf8():
    writer = Writer()
    writer.fields.integer(0, 1)
    writer.fields._code_text(writer.coder, np.array([255], np.uint8))
    writer.fields._remember(np.zeros(1, np.uint8))
    return writer.integers((1, 1), (2, 0), (4, EMPTY), (4, 0))


DAMAGED = {
    "more than 65,536 tensors": lambda: Writer(65537),
    "a name of 8,193 bytes": lambda: Writer().integers((0, 8193)),
    "a name that is not UTF-8": _not_utf8,
    "two tensors of one name": lambda: (
        Writer(2).described("U8", (1,)).integers((4, EMPTY)).described("U8", (0,)).integers((4, EMPTY))
    ),
    "65 axes": lambda: Writer().integers((0, 0), (1, 1), (2, 65)),
    "more than 2^56 elements": lambda: Writer().integers((0, 0), (1, 11), (2, 2), (3, 1 << 30), (4, 1 << 27)),
    "a view split by one place": lambda: _view((2, 4), (5, 4), (6, 1), (6, 1)),
    "a view split by none": lambda: _view((2, 4), (5, 4), (6, 0), (6, 4)),
    "a view split more than once": lambda: _view((2, 4), (5, 8), (6, 2), (6, 2)),
    "a view that does not divide": lambda: _view((2, 6), (5, 4), (6, 2), (6, 2)),
    "a view of three axes, split": lambda: _view((2, 4, 2), (5, 4), (6, 2), (6, 2)),
    "a view wider than 4,096": lambda: _view((1, 4097), (5, 4), (6, 1), (6, 4097)),
    "positions of no element": lambda: Writer().described("U8", (2, 2)).integers((4, CSR), (5, 0)),
    "a link to nothing": lambda: (
        Writer().described("F32", (2, 4)).integers((4, SIGNIFICANCE), (5, 0), (7, 1))
    ),
    "a link beyond the first": lambda: _two().integers((4, SIGNIFICANCE), (5, 0), (7, 3)),
    "a link to an axis of another length": lambda: _two().integers((4, SIGNIFICANCE), (5, 0), (7, 1)),
    "a raw magnitude beyond its type": lambda: _raw("U8", "U16", 0x180, 9),
    "a raw magnitude of a positive integer": lambda: _raw("I8", "I16", 200, 8),
    "a raw magnitude of a negative integer": lambda: _raw("I8", "I16", 0x10000 - 129, 8),
    "a largest raw head beyond its bits": lambda: _one("F16", (4, 0), (5, 32)),
    "a codebook of more entries than values": lambda: _one("U8", (4, 1), (6, 1), (8, 0), (8, 0)),
    "zero in a codebook": lambda: _one("F32", (4, 1), (6, 0), (8, 1 << 31)),
    "zero in a codebook of unsigned integers": lambda: _one("U8", (4, 1), (6, 0), (8, 0)),
    "a negative zero in a codebook": lambda: _one("F32", (4, 1), (6, 0), (8, (1 << 31) - 1)),
    "a key beyond its type": lambda: _one("U8", (4, 1), (6, 0), (8, 256)),
    "a lower part beyond 32 bits": lambda: _one("U64", (4, 1), (6, 0), (7, 0), (8, 1 << 32)),
    "a step of integers": lambda: _step("I32", 1, 0, 1),
    "a step of bfloat16": lambda: _step("BF16", 0x3F80, 0, 1),
    "a step of nothing": lambda: _step("F32", 0, 0, 1),
    "a negative step": lambda: _step("F32", 0xBF800000, 0, 1),
    "an infinite step": lambda: _step("F32", 0x7F800000, 0, 1),
    "no multiples of a step": lambda: _step("F32", 0x3F800000, 0, 0),
    "1,024 multiples": lambda: _step("F32", 0x3F800000, 0, 1024),
    "multiples that are alike": lambda: _step("F16", 0x7BFF, 0, 3),
}
NOT_KNOWN = {
    "an element type": lambda: Writer().integers((0, 0), (1, 18)),
    "a tool of positions": lambda: Writer().described("U8", (1,)).integers((4, 4)),
    "a tool of values": lambda: _one("U8", (4, 4)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage(name):
    section = DAMAGED[name]().coder.finish()
    with pytest.raises(CorruptFile):
        decode_network(section)
    with pytest.raises(Damaged):
        second_decoder(section)


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_unsupported(name):
    section = NOT_KNOWN[name]().coder.finish()
    with pytest.raises(Unsupported):
        decode_network(section)
    with pytest.raises(NotHere):
        second_decoder(section)


@pytest.mark.parametrize(
    ("dtype", "pattern"), [("U8", 255), ("I8", 128), ("I8", 127), ("I64", 1 << 63), ("U64", 1)]
)
def test_the_same_fields_of_a_value_are_none(dtype, pattern):
    section = _raw(dtype, dtype, pattern, int(pattern).bit_length()).coder.finish()
    assert decode_network(section).tensors[0].patterns.tolist() == [pattern]
    assert second_decoder(section)[0][2].tolist() == [pattern]
