"""Symbols and contexts of formats/mixing.md."""

MASK = (1 << 64) - 1


def mix(h, *values):
    """The hash, 0..2^64-1, of values after h."""
    for v in values:
        h = (h + v + 1) * 0x9E3779B97F4A7C15 & MASK
        h ^= h >> 32
    return h


def bits(h, shift, count):
    """The bits of a hash from one on."""
    return (h >> shift) % (1 << count)


_SIGNS = (4, " "), (5, "\n"), (8, ".!?"), (9, ",:;"), (10, "\"'`"), (11, "([{<"), (12, ")]}>")


def _class(s):
    if s < 128:
        for number, symbols in _SIGNS:
            if chr(s) in symbols:
                return number
        if chr(s) in "-_":
            return 13
        if 97 <= s <= 122:
            return 1
        if 65 <= s <= 90:
            return 2
        if 48 <= s <= 57:
            return 3
        return 14 if s > 32 else 15
    if 0x2000 <= s <= 0x206F:
        return 13 if s <= 0x2015 else 10
    if 0x3000 <= s <= 0x302F or 0xFF00 <= s <= 0xFF0F:
        return 8 if s == 0x3002 else 9
    if 0x3040 <= s <= 0x9FFF or 0x20000 <= s <= 0x2FFFF:
        return 7
    return 6 if s >= 170 else 14


def _folded(s):
    if 65 <= s <= 90 or 0xC0 <= s <= 0xDE or 0x391 <= s <= 0x3A9 or 0x410 <= s <= 0x42F:
        return s + 32
    return s + 80 if 0x400 <= s <= 0x40F else s


class Contexts:
    """All contexts of the next byte, in the order of their numbers, from the bytes so far."""

    def __init__(self, window):
        self.window = window  # 2^w
        self.text = bytearray()
        # symbols
        self.partial, self.pending, self.point, self.classes = 1, 0, 0, 0
        self.last = [0] * 16
        self.hashes = [0] * 17
        # words
        self.word = self.length = self.beginning = self.ending = 0
        self.w, self.b, self.e = [0] * 6, [0] * 3, [0] * 3  # from 1 on
        self.first_word = self.gap = self.lengths = self.initials = self.letters = self.folds = 0
        self.line_word = self.capitals = 0
        # gaps
        self.after = {}
        # lines
        self.start = self.before = self.first = self.indented = self.opened = 0
        self.indentation = self.indentation_before = self.opening = self.opening_before = 0
        # structure
        self.name = self.n1 = self.n2 = self.signs = self.depth = self.since = 0
        self.tag_depth = self.in_tag = self.closes = self.tag = self.attribute = 0
        self.openers, self.names_before, self.tags = [0] * 64, [0] * 64, [0] * 64

    def c(self, k):
        """The k-th last byte; 0 before the text."""
        return self.text[-k] if k <= len(self.text) else 0

    def low(self, k):
        """The last k bytes as a number, the newest lowest."""
        return sum(self.c(j + 1) << 8 * j for j in range(k))

    def take(self, c):
        """After a byte."""
        t = len(self.text)
        self._gaps(c)
        self.text.append(c)
        for s in self._symbols(c):
            self.last = [s, *self.last[:15]]
            self.classes = (16 * self.classes + _class(s)) & MASK
            self.partial, self.pending = 1, 0
            self._words(s)
            for k in range(1, 17):
                self.hashes[k] = mix(self.hashes[k - 1], self.last[k - 1])
        self._begin(c)
        self._lines(c, t)
        self._tags(c)
        self._brackets(c)
        self._names(c)

    def _symbols(self, c):
        made = []
        self.new = None
        if self.pending > 0:
            if 128 <= c <= 191:
                self.partial = 256 * self.partial + c
                self.point = 64 * self.point + c % 64
                self.pending -= 1
                return [self.point] if self.pending == 0 else []
            made.append(self.partial % (1 << 24))
        if c < 0xC2 or c > 0xF4:
            made.append(c)
        elif c < 0xE0:
            self.new = 1, c % 32
        elif c < 0xF0:
            self.new = 2, c % 16
        else:
            self.new = 3, c % 8
        return made

    def _begin(self, c):
        if self.new:
            self.partial, (self.pending, self.point) = 256 + c, self.new

    def _close(self):
        if self.word == 0:
            return
        self.w = [0, self.word, *self.w[1:5]]
        self.b = [0, self.beginning, self.b[1]]
        self.e = [0, self.ending, self.e[1]]
        self.lengths = (16 * self.lengths + min(self.length, 15)) & MASK
        self.first_word = self.first_word or self.word
        self.line_word = self.line_word or self.word
        self.word = self.length = self.gap = 0

    def _words(self, s):
        kind, f = _class(s), _folded(s)
        self.folds = (4096 * self.folds + f % 4096) & MASK
        if kind not in (1, 2, 6, 7):
            self._close()
            self.gap = mix(self.gap, s)
            if kind in (5, 8):
                self.first_word = 0
            if kind == 5:
                self.line_word = 0
            return
        if kind == 7:
            self._close()
        if self.word == 0:
            self.beginning = self.ending = 0
            self.initials = (65536 * self.initials + f % 65536) & MASK
            self.capitals = (2 * self.capitals + (f != s)) & MASK
        self.word = mix(self.word, f)
        self.length += 1
        if self.length <= 4:
            self.beginning = self.word
        self.ending = ((self.ending << 21) + f % (1 << 21)) & MASK
        self.letters = (1024 * self.letters + f % 1024) & MASK
        if kind == 7:
            self._close()

    def _gap_keys(self):
        return (1, self.c(1)), (2, self.low(2)), (3, bits(mix(0, self.low(3)), 16, 16))

    def _gaps(self, c):
        for key in self._gap_keys():
            self.after[key] = (self.after.get(key, 0) << 8 | c) & MASK

    def _lines(self, c, t):
        if c == 10:
            self.before, self.start = self.start, t + 1
            self.opening_before, self.indentation_before = self.opening, self.indentation
            self.first = self.indentation = self.indented = self.opening = self.opened = 0
            return
        if self.start == t:
            self.first = c
        if c in (9, 32) and not self.indented:
            self.indentation += 1
            return
        self.indented = 1
        if self.opened < 4:
            self.opened += 1
            self.opening = mix(self.opening, c)

    def _tags(self, c):
        if c == ord("<"):
            self.in_tag, self.closes, self.tag, self.attribute = 1, 0, 0, 0
        elif self.in_tag == 0:
            return
        elif c == ord(">"):
            if self.closes == 0 and self.tag:
                self.tags[self.tag_depth % 64] = self.tag
                self.tag_depth += 1
            elif self.closes == 1:
                inner = range(self.tag_depth - 1, max(self.tag_depth - 9, -1), -1)
                self.tag_depth = next((d for d in inner if self.tags[d % 64] == self.tag), self.tag_depth)
            self.in_tag = 0
        elif c in b"!?":
            self.closes = 3
        elif c == ord("/"):
            self.closes = max(self.closes, 2 if self.tag else 1)
        elif self.in_tag == 1 and (_named(c) or c in b":-"):
            self.tag = mix(self.tag, c)
        elif self.in_tag == 1:
            self.in_tag = 2 if self.tag or self.closes else 0
        elif self.closes == 2:
            self.closes = 0

    def _brackets(self, c):
        self.since = min(self.since + 1, 255)
        if c in b"([{":
            self.openers[self.depth % 64] = c
            self.names_before[self.depth % 64] = self.name or self.n1
            self.depth += 1
            self.since = 0
        elif c in b")]}" and self.depth > 0:
            self.depth -= 1
            self.since = 0

    def _names(self, c):
        if _named(c):
            self.name = mix(self.name, c)
            return
        if self.name:
            self.n2, self.n1, self.name = self.n1, self.name, 0
            if self.in_tag == 2 and c == ord("="):
                self.attribute = self.n1
        if c != 32:
            self.signs = (256 * self.signs + c) % (1 << 32)

    def open(self, k):
        """The opener k behind the innermost."""
        return self.openers[(self.depth - 1 - k) % 64] if self.depth > k else 0

    def open_tag(self, k):
        """The open tag k behind the innermost."""
        return self.tags[(self.tag_depth - 1 - k) % 64] if self.tag_depth > k else 0

    def _above(self, t):
        place = self.before + t - self.start
        if place >= self.start or t - place > self.window - 1:
            return 0
        return self.text[place]

    def hashed(self):
        """The 73 contexts of the next byte."""
        out = [mix(self.hashes[k], self.partial) for k in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16)]
        return out + self._of_words() + self._of_gaps() + self._of_lines() + self._of_structure()

    def _of_words(self):
        p, c1, w, b, e = self.partial, self.c(1), self.w, self.b, self.e
        here = mix(self.word, p)
        edge = mix(here, 0 if self.word else self.last[0])
        a = mix(edge, w[1])
        return [
            edge,
            a,
            mix(a, w[2]),
            mix(edge, w[2]),
            mix(edge, w[3]),
            mix(a, w[3]),
            mix(a, w[2], w[3]),
            mix(here, c1, w[1]),
            mix(here, self.first_word),
            mix(here, self.gap),
            mix(here, self.gap, w[1]),
            mix(edge, b[1]),
            mix(edge, b[1], b[2]),
            mix(edge, e[1]),
            mix(edge, e[1] % (1 << 42), e[2] % (1 << 42)),
            mix(here, c1, self.lengths % (1 << 12)),
            mix(edge, self.initials % (1 << 48)),
            mix(edge, self.line_word),
            mix(self.letters % (1 << 40), p),
            mix(self.letters % (1 << 60), p),
            mix(self.folds % (1 << 36), p),
            mix(self.folds % (1 << 60), p),
            mix(edge, w[2], w[3]),
            mix(edge, w[4]),
            mix(here, e[1] % (1 << 42), self.gap),
            mix(edge, self.capitals % 16, self.classes % (1 << 12)),
        ]

    def _of_gaps(self):
        p, c1, s = self.partial, self.c(1), self.last
        f1, f2, f3 = (self.after.get(key, 0) for key in self._gap_keys())
        return [
            mix(s[1], p),
            mix(mix(s[1], s[2]), p),
            mix(mix(s[2], s[3]), p),
            mix(s[1], s[2], s[3], p),
            mix(s[0], s[2], s[4], p),
            mix(s[0], s[3], s[4], p),
            mix(c1, f1 % (1 << 16)),
            mix(c1, f1 % (1 << 24)),
            mix(self.low(2), f2 % (1 << 8)),
            mix(c1, f2 % (1 << 24)),
            mix(c1, f3 % (1 << 16)),
            *(self.low(k) for k in (1, 2, 3, 4)),
        ]

    def _of_lines(self):
        c1, t = self.c(1), len(self.text)
        above = self._above(t)
        return [
            mix(min(t - self.start, 255), mix(self.classes % 16, self.indentation)),
            mix(above, c1),
            mix(mix(above, self._above(t + 1)), self.low(2)),
            mix(self.classes % (1 << 24), self.partial),
            mix(self.classes % (1 << 48), self.partial),
            mix(mix(self.first, self.opening), c1),
            mix(mix(self.indentation, self.indentation_before), mix(c1, self.indented)),
            mix(mix(self.opening_before, self.opening), mix(c1, self.indented)),
        ]

    def _of_structure(self):
        c1, here = self.c(1), mix(self.name, self.partial)
        edge = mix(here, 0 if self.name else c1)
        before = self.names_before[(self.depth - 1) % 64] if self.open(0) else 0
        return [
            mix(edge, self.signs % 256),
            mix(edge, self.n1, self.signs % 256),
            mix(edge, self.n1, self.n2),
            mix(edge, self.signs),
            mix(mix(self.open(0), self.open(1)), mix(self.since, c1)),
            mix(mix(self.open(0), before), edge),
            mix(mix(self.open_tag(0), self.in_tag), mix(self.closes, edge)),
            mix(mix(self.open_tag(0), self.open_tag(1)), mix(self.tag, c1)),
            mix(mix(self.tag, self.attribute), mix(self.open_tag(0), edge)),
            mix(self.signs % 65536, mix(self.in_tag, self.low(2))),
        ]


def _named(c):
    return c >= 128 or chr(c).isalnum() or c == ord("_")
