"""The range coder and its frequencies (formats/labels.md, "Frequencies" and "Payload")."""


class Decoder:
    """Symbols of a payload."""

    def __init__(self, payload):
        self.data = payload
        self.lower, self.range, self.bits = 0, (1 << 64) - 1, 64
        self.point = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")
        self.at, self.lost = 8, False

    def _narrow(self, cumulative, f):
        scale = self.range >> 24
        self.lower += scale * cumulative
        self.range = scale * f
        self._refill()

    def _refill(self):
        if self.range < 1 << 32:
            self.lower <<= 32
            self.range <<= 32
            self.bits += 32
            four = self.data[self.at : self.at + 4].ljust(4, b"\0")
            self.point = (self.point << 32) + int.from_bytes(four, "big")
            self.at += 4
        # only the difference matters to a decoder
        self.point -= self.lower
        self.lower = 0

    def symbol(self, frequencies):
        """The next symbol."""
        k = len(frequencies)
        if k == 1:
            return 0
        if self.lost:
            return k - 1
        q = (self.point - self.lower) // (self.range >> 24)
        if q >= 1 << 24:
            self.lost = True
            return k - 1
        cumulative = 0
        for s, f in enumerate(frequencies):
            f = int(f)
            if q < cumulative + f:
                self._narrow(cumulative, f)
                return s
            cumulative += f
        raise AssertionError

    def split(self, p):
        """A bit of formats/mixing.md: a one has all that a zero leaves."""
        zero = self.range * ((1 << 24) - p) >> 24
        y = int(self.point >= zero)
        self.point, self.range = (self.point - zero, self.range - zero) if y else (self.point, zero)
        self._refill()
        return y

    def bit(self, p):
        """A symbol of two with frequencies 2^24 - p and p."""
        q = self.point // (self.range >> 24)
        if self.lost or q >= 1 << 24:
            self.lost = True
            return 1
        zero = (1 << 24) - p
        if q < zero:
            self._narrow(0, zero)
            return 0
        self._narrow(zero, p)
        return 1


class Encoder:
    """What an encoder keeps, with integers of any size."""

    def __init__(self):
        self.lower, self.range, self.bits = 0, (1 << 64) - 1, 64

    def symbol(self, cumulative, f):
        """Narrows the interval to a symbol of frequency f."""
        scale = self.range >> 24
        self.lower += scale * cumulative
        self.range = scale * f
        self._refill()

    def _refill(self):
        if self.range < 1 << 32:
            self.lower <<= 32
            self.range <<= 32
            self.bits += 32

    def bytes(self):
        """The shortest string of bytes in the interval."""
        w = 1
        while w * 256 <= self.range:
            w *= 256
        for m in (w * 256, w):
            number = -(-self.lower // m) * m
            if number < self.lower + self.range:
                break
        total = self.bits // 8
        if number >> self.bits:
            raise AssertionError
        return number.to_bytes(total, "big").rstrip(b"\0")


def frequencies(p):
    """Integer frequencies of float64 probabilities."""
    k, s = len(p), 0.0
    for value in p:
        s = s + float(value)
    f = [1 + int((float(value) / s) * float((1 << 24) - k)) for value in p]
    j = max(range(k), key=lambda i: (p[i], -i))
    f[j] += (1 << 24) - sum(f)
    return f
