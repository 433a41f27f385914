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


class Slots(dict):
    """Slots by any key: (q, n), a probability and a count; new when they are first used."""

    def __missing__(self, key):
        return 1 << 21, 0

    def learn(self, key, slot, bit, limit):
        """Puts a slot there that has learned a bit."""
        q, n = slot
        q += ((((1 << 22) - 1 if bit else 0) - q) * (5 * 65536 // (5 * n + 8))) >> 16
        self[key] = q, min(n + 1, limit)


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

    def adaptive(self, slots, key):
        """A bit under a slot."""
        slot = slots[key]
        bit = self.bit(clamp(4 * slot[0], 64, (1 << 24) - 64))
        slots.learn(key, slot, bit, 255)
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
        while length < 62 and self.adaptive(kind, length):
            length += 1
        w, t = 1, 1
        for i in range(length):
            if i < 3:
                bit = self.adaptive(kind, 64 + 8 * length + t)
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

    def copied(self):
        """A mixture that learns on its own from here on."""
        copy = Mixture([], 0, (self.r, self.e), self.limit)
        copy.weights, copy.t = [list(weights) for weights in self.weights], self.t
        copy.slots.update(self.slots)
        return copy

    def decode(self, coder, chosen, further, which):
        """One bit: slots chosen (one of each context), further inputs, set of weights."""
        keys = list(enumerate(chosen))
        slots = [self.slots[key] for key in keys]
        inputs = [STRETCH[q >> 6] if n else 0 for q, n in slots] + list(further)
        weights = self.weights[which]
        assert len(inputs) == len(weights)
        x = clamp(sum(i * w for i, w in zip(inputs, weights, strict=False)) >> 16, -3071, 3071)
        p = SQUASH[x]
        bit = coder.bit(p)
        error = (((bit << 24) - p) >> 8) * (self.r + self.e * 1024 // (1024 + self.t))
        self.t += 1
        for i, value in enumerate(inputs):
            weights[i] += (value * error + (1 << 17)) >> 18
        for key, slot in zip(keys, slots, strict=True):
            self.slots.learn(key, slot if slot[1] else (p >> 2, 0), bit, self.limit)
        return bit
