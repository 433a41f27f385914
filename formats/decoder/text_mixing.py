"""Payloads of texts: the predictor of formats/mixing.md."""

import numpy as np

from decoder.blocks import softmaxes
from decoder.range_coder import Decoder, frequencies
from decoder.text_contexts import Contexts, bits, mix
from decoder.text_learning import MIXED, Learner
from decoder.text_levels import LEVELS, NAMES, ROWS
from decoder.text_tables import COUNTS, EMPTY, SQUASH, Adaptive, after, alike, by_counts, stretch


class Memories:
    """What is remembered of each context."""

    def __init__(self, level, buckets, run):
        self.numbers = [NAMES.index(name) for name in level.contexts]
        self.number, self.run_bits = buckets, run
        self.buckets, self.runs, self.adaptive = {}, {}, {}

    def begin(self, contexts):
        """Before a byte."""
        self.hashes = [mix(contexts[a], a) for a in self.numbers]
        self.found = [self._find(h) for h in self.hashes]
        self.first = self.found
        self.places = [self._run(k, h) for k, h in enumerate(self.hashes)]

    def halfway(self, begun):
        """Between the nibbles."""
        self.found = [self._find(mix(h, begun)) for h in self.hashes]

    def _run(self, k, h):
        one = bits(h, 16, self.run_bits)
        places = [(k, one), (k, one ^ 1)]
        for place in places:
            if self.runs.get(place, (0, 0, 0))[2] == bits(h, 40, 16):
                return place
        place = min(places, key=lambda p: self.runs.get(p, (0, 0, 0))[1])
        self.runs[place] = 0, 0, bits(h, 40, 16)
        return place

    def _three(self, h):
        at = 4 * (bits(h, 16, 32) * (self.number // 4) >> 32) + bits(h, 14, 2)
        return [self.buckets.setdefault(at ^ j, [0] + [EMPTY] * 15) for j in range(3)]

    def _find(self, h):
        return next((bucket for bucket in self._three(h) if bucket[0] == bits(h, 48, 16)), None)

    def _make(self, h, nibble, times):
        bucket = min(self._three(h), key=lambda b: b[1][0])
        bucket[:] = [bits(h, 48, 16)] + [EMPTY] * 15
        for node, y in _path(nibble):
            bucket[node] = alike(y, times)
        return bucket

    def _of(self, key, limit, zeros=None, ones=None):
        """The adaptive probability of a key, which learns; at first one half, or by counts."""
        if key not in self.adaptive:
            self.adaptive[key] = (
                Adaptive(limit) if zeros is None else Adaptive(limit, by_counts(zeros, ones), 24)
            )
        self.learning.append(self.adaptive[key])
        return self.adaptive[key]

    def inputs(self, i, begun, node):
        """The inputs of a bit; what learns is kept."""
        x = []
        self.node, self.learning, self.histories, self.holds = node, [], [], {}
        for k, bucket in enumerate(self.found):
            byte, count, _ = self.runs[self.places[k]]
            holds, expected = count and (byte + 256) >> (8 - i) == begun, byte >> (7 - i) & 1
            history, own = EMPTY[:2]
            if bucket is not None:
                history, own = bucket[node][:2]
            elif holds:
                history, own = alike(expected, count)[:2]
            by_history = self._of(("history", k, history), 1023, *COUNTS[history])
            self.histories.append(history)
            given = [stretch(by_history.p), 0, 0, 0, 0]
            if history:
                certain = given[0] if min(COUNTS[history]) == 0 else 0
                given[1:4] = (by_history.p - (1 << 21)) >> 11, stretch(own << 4), certain
            if holds:
                self.holds[k] = byte, expected
                given[4] = stretch(self._of(("run", k, min(count, 31), i, expected), 255).p)
            x += given
        return x

    def learn(self, y):
        """After a bit."""
        for adaptive in self.learning:
            adaptive.learn(y)
        for bucket in self.found:  # two contexts may share one
            if bucket is not None:
                bucket[self.node] = after(bucket[self.node], y)

    def update(self, c):
        """After a byte."""
        for k, place in enumerate(self.places):
            byte, count, check = self.runs[place]
            if count and byte != c:
                self._break(k, c, byte, count)
            self.runs[place] = c, min(count + 1, 255) if count and byte == c else 1, check

    def _break(self, k, c, byte, count):
        h = self.hashes[k]
        if self.first[k] is None and self._find(h) is None:
            bucket = self._make(h, byte >> 4, count)
            for node, y in _path(c >> 4):
                bucket[node] = after(bucket[node], y)
        h = mix(h, 16 + (byte >> 4))
        if self._find(h) is None:
            bucket = self._make(h, byte % 16, count)
            for node, y in _path(c % 16) if byte >> 4 == c >> 4 else ():
                bucket[node] = after(bucket[node], y)


def _path(nibble):
    """Of the four bits of a nibble: where its node is, and the bit."""
    return [((16 | nibble) >> (4 - j), nibble >> (3 - j) & 1) for j in range(4)]


class _Match:
    def __init__(self, number, shortest, window, head):
        self.number, self.shortest, self.window, self.head = number, shortest, window, head
        self.table, self.adaptive = {}, {}
        self.pointer = self.length = self.misses = 0
        self.expects = None

    def search(self, text):
        """Before a byte."""
        t = len(text)
        if t >= self.shortest:
            place = bits(mix(0, *(text[t - j] for j in range(1, self.shortest + 1))), 20, self.head)
            q = self.table.get(place)
            if q is not None and (self.length == 0 or self.misses > 0):
                most = min(400, (t - q - 1) % self.window)
                agree = 0
                while agree < most and self._at(text, q - 1 - agree) == self._at(text, t - 1 - agree):
                    agree += 1
                if agree >= self.shortest:
                    self.length, self.pointer, self.misses = agree, q, 0
            self.table[place] = t % self.window
        self.expects = self._at(text, self.pointer) if self.length else None

    def _at(self, text, p):
        """The byte at a place: the last one written there, 0 if there is none."""
        t, p = len(text), p % self.window
        p += (t - 1 - p) // self.window * self.window
        return text[p] if p >= 0 else 0

    def inputs(self, i, begun):
        """Two inputs, and the bit expected or None."""
        self.learning = None
        if self.expects is not None and (self.expects + 256) >> (8 - i) != begun:
            self.expects = None
        if self.expects is None:
            return [0, 0], None
        y = self.expects >> (7 - i) & 1
        n = self.length
        if n >= 16:
            n = 16 + (n - 16 >> 2) if n < 48 else min(24 + (n - 48 >> 4), 63)
        self.learning = self.adaptive.setdefault((n, min(self.misses, 3), y), Adaptive(1000))
        return [stretch(self.learning.p), (self.learning.p - (1 << 21)) >> 11], y

    def update(self, text, c):
        """After the byte c, which text does not have yet."""
        if self.length == 0:
            return
        if self._at(text, self.pointer) == c:
            self.length = min(self.length + 1, 65535)
            if self.length >= 16:
                self.misses = 0
        else:
            self.misses += 1
            self.length = 1 if self.misses < 8 else 0
            self.misses = self.misses if self.length else 0
        self.pointer += 1


class _Mixers:
    def __init__(self, names, inputs, initial, high, low):
        self.names, self.high, self.low = names, high, low
        self.initial = np.array([initial] * inputs + [0], np.int64)
        self.weights, self.uses = {}, {}

    def mix(self, rows, x):
        """The logits of the sets."""
        self.keys = [(s, rows[name]) for s, name in enumerate(self.names)]
        assert all(rows[name] < ROWS[name] for name in self.names)
        for key in self.keys:
            self.weights.setdefault(key, self.initial)
        w = np.array([self.weights[key] for key in self.keys])
        self.x = np.array(x, np.int64)
        self.w = w
        sums = ((((w >> 4) * self.x) + 512) >> 10).sum(1) >> 6
        self.logits = np.clip(sums, -3071, 3071).tolist()
        return self.logits

    def learn(self, y):
        """After a bit."""
        for key, w, logit in zip(self.keys, self.w, self.logits, strict=True):
            uses = self.uses.get(key, 0)
            rate = self.low + self.high * 2000 // (2000 + uses)
            self.uses[key] = uses + 1
            error = (((y << 22) - SQUASH[logit]) * rate) >> 12
            self.weights[key] = np.clip(w + ((self.x * error + 8192) >> 14), 1 - (1 << 23), (1 << 23) - 1)


class TextPredictor:
    """Probabilities of the bits of a text of n bytes."""

    def __init__(self, number, n, network=False):
        level = LEVELS[number]
        size = max(10, (max(n, 1) - 1).bit_length())
        many = (len(level.contexts) - 1).bit_length()
        window = 1 << min(level.window_bits, size)
        self.contexts = Contexts(window)
        self.memories = Memories(
            level,
            min(level.buckets << 20, 1 << size + many),
            min(level.run_bits, size),
        )
        self.matches = [
            _Match(m, s, window, min(level.head_bits, size + 1)) for m, s in enumerate(level.matches)
        ]
        given = 5 * len(level.contexts) + 2 * len(level.matches) + 2 * network
        sets = len(level.mixers) + network
        self.mixers = _Mixers(level.mixers, given, (4 << 20) // given, 400, 10)
        self.final = _Mixers(level.final, sets, (1 << 20) // sets, 400, 30)
        self.cells = {}

    def byte(self, coder, frequencies=None):
        """Decodes a byte: coder.split(p) gives its bits; frequencies of a network, if there is one."""
        self.frequencies = frequencies
        text = self.contexts.text
        for match in self.matches:
            match.search(text)
        self.memories.begin(self.contexts.hashed())
        begun = node = 1
        for i in range(8):
            x = self.memories.inputs(i, begun, node)
            y = coder.split(self._probability(i, begun, x))
            self._learn(y)
            begun, node = 2 * begun + y, 2 * node + y
            if i == 3:
                node = 1
                self.memories.halfway(begun)
        c = begun - 256
        self.memories.update(c)
        for match in self.matches:
            match.update(text, c)
        self.contexts.take(c)
        return c

    def _probability(self, i, begun, x):
        expected = []
        for match in self.matches:
            given, y = match.inputs(i, begun)
            x = x + given
            expected.append(y)
        rows, outer = self._rows(i, begun, expected), []
        if self.frequencies is not None:
            low = (begun << 8 - i) - 256
            share = self.frequencies[low : low + (256 >> i)]
            p = min((sum(share[len(share) // 2 :]) << 22) // sum(share), (1 << 22) - 1)
            x, outer = [*x, stretch(p), (p - (1 << 21)) >> 11], [stretch(p)]
        logits = self.mixers.mix(rows, [*x, 256])
        final = self.final.mix(rows, [*(min(2047, max(-2047, z)) for z in logits), *outer, 256])
        z = sum(final) // len(final)
        c = self.contexts
        where = [
            begun,
            256 * c.c(1) + begun,
            *(bits(mix(v, begun), 20, 16) for v in (c.low(3), c.word, c.low(2))),
        ]
        u = min(2047, max(-2048, z)) + 2048
        self.near, results = [], []
        for a, place in enumerate(where):
            cells = self.cells.setdefault((a, place), [SQUASH[128 * (j - 16)] for j in range(33)])
            j, f = u >> 7, u % 128
            results.append((cells[j] * (128 - f) + cells[j + 1] * f) >> 7)
            self.near.append((cells, j + (f >= 64)))
        r = results
        p = 4 * ((2 * SQUASH[z] + r[0] + r[1] + 2 * r[2] + r[3] + r[4]) >> 3)
        return min((1 << 24) - 64, max(64, p))

    def _rows(self, i, begun, expected):
        c, m = self.contexts, self.memories
        holding = [match for match in self.matches if match.expects is not None]
        longest = max(holding, key=lambda match: match.length, default=None)
        length = longest.length if longest else 0
        kind = sum(length > edge for edge in (0, 7, 11, 15, 23, 31, 63))
        x = longest.expects if longest else 0
        g = 1 + expected[longest.number] if longest else 0
        guesses = 0
        for y in expected:
            guesses = 3 * guesses + (0 if y is None else 1 + y)
        met = sum(h > 0 for h in m.histories)
        r0, r1 = (sum(e == y for _, e in m.holds.values()) for y in (0, 1))
        in_word = 1 if c.length > 0 else 2 if c.c(1) == 32 else 0
        inside = 4 * (c.open(0) >> 4 & 7) + min(c.in_tag, 2) + (c.open_tag(0) != 0)
        return {
            "begun": begun,
            "byte1": c.c(1),
            "match": 256 * kind + x,
            "met": 8 * (3 * (31 * met // len(m.histories)) + g) + i,
            "byte2": 256 * i + c.c(2),
            "match_begun": 256 * kind + begun,
            "first": 256 * i + c.first,
            "word": 3 * (8 * min(c.length, 15) + i) + in_word,
            "classes": c.classes % 4096,
            "structure": 64 * inside + 8 * (c.classes % 8) + i,
            "column": 8 * min(len(c.text) - c.start, 127) + i,
            "byte3": 256 * i + c.c(3),
            "word_before": 256 * i + bits(c.w[1], 40, 8),
            "word_hash": 256 * i + bits(c.word, 40, 8),
            "begun_class": 16 * begun + (c.classes % 16 if c.pending == 0 else 0),
            "guesses": guesses,
            "runs": 8 * (16 * min(r0, 15) + min(r1, 15)) + i,
            "met_first": 4 * (8 * sum(h > 0 for h in m.histories[:6]) + i) + g,
            "history2": m.histories[1],
            "history4": m.histories[3],
            "history_word": m.histories[5],
            "lengths": 8 * (16 * min(c.length, 15) + c.lengths % 16) + i,
            "sentence": 256 * i + bits(c.first_word, 40, 8),
            "tag": 256 * i + bits(c.open_tag(0), 40, 8),
            "run4": 256 * i + m.holds.get(3, (0, 0))[0],
            "run_word": 256 * i + m.holds.get(5, (0, 0))[0],
            "none": 0,
            "byte12": 512 * i + bits(mix(c.low(2), 0), 40, 9),
        }

    def _learn(self, y):
        self.mixers.learn(y)
        self.final.learn(y)
        self.memories.learn(y)
        for match in self.matches:
            if match.learning:
                match.learning.learn(y)
        for cells, j in self.near:
            cells[j] += (((1 << 22) - 1) * y - cells[j]) >> 6


def decode_with_network(level, n, payload):
    """The n bytes of a payload under which cells learn, too."""
    predictor, coder, learner = TextPredictor(level, n, True), Decoder(payload), Learner(MIXED, n, 0)
    for start, stop in learner.streams.segments(learner.segment):
        first = max(0, stop - learner.window)
        for place in range(start, stop):
            given = [int(f) for f in frequencies(softmaxes(learner.scores(first, place))[0])]
            learner.known[0, place + 1] = predictor.byte(coder, given)
        learner.learn(first, start, stop)
    return bytes(learner.known[0, 1 : n + 1].tolist())


def decode_text(level, n, payload):
    """The n bytes of a payload."""
    predictor, coder = TextPredictor(level, n), Decoder(payload)
    return bytes(predictor.byte(coder) for _ in range(n))
