"""Slots, bits and mixtures of formats/network.md, sections "Bits" and "Mixing"."""

from decimal import Decimal, getcontext

from decoder.frame import Damaged
from decoder.range_coder import Decoder, Encoder

getcontext().prec = 70


def clamp(x, low, high):
    """x, brought into low..high."""
    return low if x < low else high if x > high else x


def _tables():
    positive = []
    for x in range(3072):
        e = (Decimal(x) / 256).exp()
        positive.append(int((1 << 24) * e / (1 + e)))
    squash = {x: positive[x] if x >= 0 else (1 << 24) - positive[-x] for x in range(-3071, 3072)}
    stretch, x = [], -3071
    for u in range(65536):
        while x < 3071 and squash[x] < 256 * u + 128:
            x += 1
        stretch.append(x)
    return squash, stretch


SQUASH, STRETCH = _tables()


class Slot:
    """A probability and a count."""

    __slots__ = ("n", "q")

    def __init__(self):
        self.q, self.n = 1 << 21, 0

    def learn(self, bit, limit):
        """Learns a bit."""
        self.q += ((((1 << 22) - 1 if bit else 0) - self.q) * (5 * 65536 // (5 * self.n + 8))) >> 16
        self.n = min(self.n + 1, limit)


class Slots(dict):
    """Slots come into being when they are first used."""

    def __missing__(self, key):
        self[key] = slot = Slot()
        return slot


class Coder:
    """Decodes bits, and encodes them again to see that the section is the string an encoder writes."""

    def __init__(self, data):
        self.decoder, self.encoder = Decoder(data), Encoder()

    def bit(self, p):
        """A bit, of probability p of a 1 in 2^24."""
        bit = self.decoder.bit(p)
        if self.decoder.lost:
            raise Damaged("section leaves the interval")
        self.encoder.symbol(*(((1 << 24) - p, p) if bit else (0, (1 << 24) - p)))
        return bit

    def adaptive(self, slot):
        """A bit under a slot."""
        bit = self.bit(clamp(4 * slot.q, 64, (1 << 24) - 64))
        slot.learn(bit, 255)
        return bit

    def even(self, count):
        """So many even bits, highest first."""
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit(1 << 23)
        return value

    def integer(self, kind):
        """An integer of a kind."""
        length = 0
        while length < 62 and self.adaptive(kind[length]):
            length += 1
        w, t = 1, 1
        for i in range(length):
            if i < 3:
                bit = self.adaptive(kind[64 + 8 * length + t])
                t = 2 * t + bit
            else:
                bit = self.even(1)
            w = 2 * w + bit
        return w - 1


class Mixture:
    """Slots, sets of weights, a learning rate."""

    def __init__(self, weights, sets, rate, limit):
        self.weights = [list(weights) for _ in range(sets)]
        self.slots = Slots()
        self.r, self.e = rate
        self.limit, self.t = limit, 0

    def decode(self, coder, chosen, further, which):
        """One bit: slots chosen (one of each context), further inputs, set of weights."""
        slots = [self.slots[c, s] for c, s in enumerate(chosen)]
        inputs = [STRETCH[s.q >> 6] if s.n else 0 for s in slots] + list(further)
        weights = self.weights[which]
        assert len(inputs) == len(weights)
        x = clamp(sum(i * w for i, w in zip(inputs, weights, strict=False)) >> 16, -3071, 3071)
        p = SQUASH[x]
        bit = coder.bit(p)
        error = (((bit << 24) - p) >> 8) * (self.r + self.e * 1024 // (1024 + self.t))
        self.t += 1
        for i, value in enumerate(inputs):
            weights[i] += (value * error + (1 << 17)) >> 18
        for slot in slots:
            if slot.n == 0:
                slot.q = p >> 2
            slot.learn(bit, self.limit)
        return bit
