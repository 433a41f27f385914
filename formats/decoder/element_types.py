"""Element types of tensors and what their patterns are (formats/network.md, "Values")."""

from decoder.frame import Damaged


class Type:
    """An element type: patterns of so many bits."""

    def __init__(self, name, bits, kind, exponent=0, negative_zero=True):
        self.name, self.bits, self.kind, self.exponent = name, bits, kind, exponent
        self.negative_zero = kind == "f" and negative_zero
        self.signed = kind in "fi"
        self.numpy = {1: "u1", 8: "u1", 16: "<u2", 32: "<u4", 64: "<u8"}[bits if name != "BOOL" else 1]
        # bits of a head in the raw form
        self.head = exponent if kind == "f" else 7

    def is_zero(self, pattern):
        """Whether a pattern is a zero."""
        return pattern == 0 or (self.negative_zero and pattern == 1 << (self.bits - 1))

    def key(self, pattern):
        """The order key of a pattern."""
        top = 1 << (self.bits - 1)
        if self.kind == "f":
            return pattern ^ ((1 << self.bits) - 1) if pattern & top else pattern | top
        return pattern ^ top if self.kind == "i" else pattern

    def pattern(self, key):
        """The pattern of an order key."""
        top = 1 << (self.bits - 1)
        if self.kind == "f":
            return key ^ top if key & top else key ^ ((1 << self.bits) - 1)
        return key ^ top if self.kind == "i" else key

    @property
    def zero_key(self):
        """The order key of zero."""
        return 1 << (self.bits - 1) if self.signed else 0

    def raw(self, pattern):
        """(negative, head, tail, bits of the tail)"""
        if self.kind == "f":
            mantissa = self.bits - 1 - self.exponent
            return (
                pattern >> (self.bits - 1),
                pattern >> mantissa & ((1 << self.exponent) - 1),
                pattern & ((1 << mantissa) - 1),
                mantissa,
            )
        negative = self.kind == "i" and pattern >> (self.bits - 1)
        magnitude = (1 << self.bits) - pattern if negative else pattern
        head = magnitude.bit_length()
        return int(negative), head, magnitude - (1 << head >> 1), max(0, head - 1)

    def tail_bits(self, head):
        """Bits of the tail under a head."""
        return self.bits - 1 - self.exponent if self.kind == "f" else max(0, head - 1)

    def of_raw(self, negative, head, tail):
        """The pattern of sign, head and tail."""
        if self.kind == "f":
            return negative << (self.bits - 1) | head << (self.bits - 1 - self.exponent) | tail
        magnitude = (1 << head >> 1) + tail
        most = 1 << (self.bits - 1 if self.kind == "i" else self.bits)
        if magnitude > most or (magnitude == most and not negative):
            raise Damaged("an integer is out of range")
        return (1 << self.bits) - magnitude if negative else magnitude

    def size(self, pattern):
        """Twice the raw head, plus the highest bit of the tail."""
        _, head, tail, bits = self.raw(pattern)
        return 2 * head + (tail >> (bits - 1) if bits else 0)


TYPES = [
    Type("F64", 64, "f", 11),
    Type("F32", 32, "f", 8),
    Type("F16", 16, "f", 5),
    Type("BF16", 16, "f", 8),
    Type("I64", 64, "i"),
    Type("I32", 32, "i"),
    Type("I16", 16, "i"),
    Type("I8", 8, "i"),
    Type("U64", 64, "u"),
    Type("U32", 32, "u"),
    Type("U16", 16, "u"),
    Type("U8", 8, "u"),
    Type("BOOL", 8, "u"),
    Type("F8_E4M3", 8, "f", 4),
    Type("F8_E5M2", 8, "f", 5),
    Type("F8_E4M3FNUZ", 8, "f", 4, negative_zero=False),
    Type("F8_E5M2FNUZ", 8, "f", 5, negative_zero=False),
    Type("F8_E8M0", 8, "u"),
]
