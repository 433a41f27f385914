"""Files of labels, texts and networks, field by field, put together again with right checksums."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np

from fuzzing.mutations import changed, hostile
from mdlcodec.container.frame import Reader, signed, unsigned, write_frame
from mdlcodec.data.tensor import DTYPES
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.errors import CorruptFile
from mdlcodec.mixing.logistic import BitEncoder

NAMED, SEED, VALUES = 127, 0x80, 0x80
TWO_PART, SUBSPACE, VARIATIONAL = (2, 3), 4, 5


@dataclass
class Field:
    """``kind``: byte, integer, signed, bytes or section; ``value``: an int, or bytes."""

    name: str
    kind: str
    value: int | bytes

    def written(self) -> bytes:
        """As the body has it."""
        if isinstance(self.value, bytes):
            return self.value
        if self.kind == "byte":
            return bytes([self.value & 255])
        if self.kind == "signed":
            return signed(min(max(self.value, -(1 << 63)), (1 << 63) - 1))
        return unsigned(min(max(self.value, 0), (1 << 64) - 1))


class _Fields(list[Field]):
    """Fields as they are read."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def byte(self, name: str) -> int:
        return self._add(name, "byte", self.reader.byte())

    def integer(self, name: str) -> int:
        return self._add(name, "integer", self.reader.unsigned())

    def signed(self, name: str) -> int:
        return self._add(name, "signed", self.reader.signed())

    def bytes(self, name: str, size: int, kind: str = "bytes") -> None:
        self.append(Field(name, kind, self.reader.take(size)))

    def _add(self, name: str, kind: str, value: int) -> int:
        self.append(Field(name, kind, value))
        return value


def label_fields(kind: int, body: bytes, k_of: int) -> list[Field]:
    """The fields of a whole label file of that kind; ``k_of``: bytes of its values section, 0 without one."""
    fields = _Fields(Reader(body))
    code = fields.byte("code and preset") >> 4
    net, form = fields.byte("net"), fields.byte("form")
    if form & 15 == 15:
        fields.byte("dtype")
    fields.integer("n")
    if kind == 0:
        fields.integer("k")
    if net & SEED:
        fields.integer("seed")
    if net & 127 == NAMED:
        fields.bytes("own net", fields.integer("size of its name"))
        fields.integer("version")
    if kind == 2:
        first = fields.byte("grid")
        if first & 0x40:
            fields.integer("step")
        fields.signed("low")
        fields.integer("extent of the grid")
        if first & 0x80:
            fields.signed("centre")
            fields.signed("exponent")
        if form >> 4 & 7 == 1:
            fields.byte("style")
    elif form & VALUES:
        _values(fields, k_of)
    if form >> 4 & 7 == 1:
        column = fields.integer("column")
        if column and column % 2 == 0:
            fields.bytes("name of the column", fields.integer("size of the column's name"))
    fields.bytes("inputs", 4)
    fields.bytes("labels", 4)
    _payload(fields, code, kind)
    return list(fields)


def text_fields(body: bytes) -> list[Field]:
    """The fields of a whole text file."""
    fields = _Fields(Reader(body))
    code = fields.byte("code and preset") >> 4
    net = fields.byte("net")
    fields.integer("n")
    if net & SEED:
        fields.integer("seed")
    fields.bytes("labels", 4)  # the digest of the text
    start, position = len(fields), fields.reader.position
    try:
        if code in TWO_PART:
            fields.bytes("network", fields.integer("size of the network"), "section")
    except CorruptFile:  # of an empty text: no payload
        del fields[start:]
        fields.reader.position = position
    fields.append(Field("payload", "bytes", fields.reader.rest()))
    return list(fields)


def _values(fields: _Fields, size: int) -> None:
    end = fields.reader.position + size
    method = fields.byte("method")
    if method & 0x40:
        fields.integer("width")
    if method & 0x80:
        fields.integer("size of the values")
    elif method & 15 == 3:
        while fields.reader.position < end:
            fields.bytes("text", fields.integer("size of the text"))
    elif method & 15 < 2:
        while fields.reader.position < end:
            fields.integer("value")
    if fields.reader.position < end:
        fields.bytes("values", end - fields.reader.position)


def _payload(fields: _Fields, code: int, kind: int) -> None:
    start = len(fields)
    reader = fields.reader
    position = reader.position
    try:
        if code in TWO_PART:
            fields.bytes("network", fields.integer("size of the network"), "section")
            fields.bytes("calibration", 5 if kind == 2 else 1)
        elif code == SUBSPACE:
            if fields.integer("dimension"):
                fields.byte("step")
                fields.bytes("coordinates", fields.integer("size of the coordinates"))
            fields.byte("calibration")
        elif code == VARIATIONAL:
            first, count = fields.byte("bits"), fields.integer("blocks")
            if count:
                fields.bytes("prior", 2 * (first >> 5) or 4)
            fields.bytes("indices", -(-count * (first & 31) // 8))
            fields.byte("calibration")
    except CorruptFile:  # of one class: no payload
        del fields[start:]
        reader.position = position
    fields.append(Field("payload", "bytes", reader.rest()))


def changed_fields(rng: random.Random, fields: list[Field], others: list[Field]) -> list[Field]:
    """The fields after one to three of them became hostile, or were left out, doubled or replaced."""
    fields = [Field(field.name, field.kind, field.value) for field in fields]
    for _ in range(rng.choice([1, 1, 2, 3])):
        # the payload is one of many, and most of what is decoded
        at = rng.randrange(len(fields)) if rng.random() < 0.35 else _payload_at(rng, fields)
        field, choice = fields[at], rng.random()
        if choice < 0.03:
            del fields[at]
            if not fields:
                break
        elif choice < 0.05:
            fields.insert(at, field)
        elif choice < 0.1:
            same = [other for other in others if other.name == field.name]
            fields[at] = rng.choice(same or [field])
        else:
            fields[at] = _changed_field(rng, field)
    return fields


def _payload_at(rng: random.Random, fields: list[Field]) -> int:
    """A field behind the digests."""
    names = [field.name for field in fields]
    first = names.index("labels") + 1 if "labels" in names else 0
    return rng.randrange(min(first, len(fields) - 1), len(fields))


def _changed_field(rng: random.Random, field: Field) -> Field:
    value = field.value
    if isinstance(value, bytes):
        if field.kind == "section" and rng.random() < 0.6:
            return Field(field.name, field.kind, hostile_section(rng))
        if field.name == "payload" and rng.random() < 0.4:
            return Field(field.name, field.kind, rng.randbytes(rng.choice([0, 1, 8, 60, 400])))
        return Field(field.name, field.kind, changed(rng, value))
    if field.kind == "byte":
        return Field(field.name, field.kind, rng.choice([value ^ 1 << rng.randrange(8), rng.randrange(256)]))
    if field.kind == "signed":
        mutated = hostile(rng, abs(value), (1 << 63) - 1)
        return Field(field.name, field.kind, mutated if rng.random() < 0.5 else -mutated)
    return Field(field.name, field.kind, hostile(rng, value))


def body_of(fields: list[Field]) -> bytes:
    """The body that the fields make, sizes of what follows them put right if they were not changed on purpose."""
    return b"".join(field.written() for field in fields)


def with_right_sizes(fields: list[Field]) -> list[Field]:
    """The same; a size says how long what follows it is."""
    for field, following in itertools.pairwise(fields):
        if field.name.startswith("size of") and isinstance(following.value, bytes):
            field.value = len(following.value)
    return fields


def hostile_section(rng: random.Random) -> bytes:
    """A network section whose descriptions are what the sender likes, and then what bits happen to say."""
    coder = BitEncoder()
    descriptions = Descriptions(coder)
    count = rng.choice([0, 1, 1, 2, 3, 9, 65536, 65537, hostile(rng, 1, (1 << 63) - 2)])
    descriptions.integer(0, count)
    for i in range(min(count, rng.choice([1, 1, 2, 5]))):
        descriptions.name(
            rng.choice([f"t{i}", "conv1.weight", "fc1.bias", "\x1b[2J\n", "\u202e", "x" * 300, ""])
        )
        descriptions.dtype(rng.choice(DTYPES))
        descriptions.shape(_shape(rng))
        if rng.random() < 0.2:
            continue
        for kind in (4, 4, 4, 7, 7, 5, 6):
            if rng.random() < 0.8:
                descriptions.integer(kind, rng.choice([0, 0, 1, 1, 2, 3, hostile(rng, 2, (1 << 63) - 2)]))
    even = rng.choice([0, 1, 8, 100, 1000])
    for _ in range(even):
        descriptions.even(32, rng.getrandbits(32) if rng.random() < 0.9 else 0)
    return coder.finish()


def _shape(rng: random.Random) -> tuple[int, ...]:
    axes = rng.choice([0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 8, 64])
    shape = [rng.choice([0, 1, 1, 2, 3, 5, 8, 17]) for _ in range(axes)]
    if axes and rng.random() < 0.5:
        shape[rng.randrange(axes)] = rng.choice(
            [100, 1000, 4096, 10**5, 10**6, 1 << 24, 1 << 31, 1 << 40, 1 << 56]
        )
    if axes and rng.random() < 0.15:
        shape[rng.randrange(axes)] = 1 << rng.randrange(57)
    largest = 1
    for extent in shape:
        largest *= max(extent, 1)
    return tuple(shape) if largest <= 1 << 56 else (3, 4)


def network_file(section: bytes) -> bytes:
    """A network file of that section."""
    return write_frame(1, section)


def tiled(x: np.ndarray, n: int) -> np.ndarray:
    """Inputs of n examples, as ``x`` goes on again and again."""
    return np.ascontiguousarray(np.resize(x, (n, *x.shape[1:])))
