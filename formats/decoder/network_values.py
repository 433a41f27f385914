# ruff: noqa: N806 (capitals as on the page)
"""Values of tensors (formats/network.md, "Values")."""

import numpy as np

from decoder.frame import Damaged, Unsupported
from decoder.logistic_mixing import Mixture, Slots, clamp


class Model:
    """Signs, heads and tails of one h."""

    def __init__(self):
        self.signs = Mixture([0, round(0.15 * 65536), round(0.35 * 65536), 0, 0, 0], 1, (4, 32), 1000)
        self.heads = Mixture([7209] * 9 + [0], 16, (2, 0), 60)
        self.tails = Slots()


class Mean:
    """Sums of levels, by any key."""

    def __init__(self):
        self.sums = {}

    def add(self, key, level):
        """Adds a level."""
        s, n = self.sums.get(key, (0, 0))
        self.sums[key] = s + level, n + 1

    def of(self, key):
        """The mean, 0 for none."""
        s, n = self.sums.get(key, (0, 0))
        return (2 * s + n // 2) // n if n else 0

    def count(self, key):
        """How many levels there are."""
        return self.sums.get(key, (0, 0))[1]


class Values:
    """The values of one tensor."""

    def __init__(self, section, kind, extents, mask, patterns):
        self.section, self.coder, self.kind, self.extents = section, section.coder, kind, extents
        self.mask, self.patterns = mask, patterns

    def decode(self):
        """Fills in the patterns."""
        tool = self.section.integer(4)
        if tool == 0:
            self.raw()
        elif tool in (1, 2):
            self.book(self.codebook() if tool == 1 else self.multiples())
        elif tool == 3:
            self.fixed(self.codebook())
        else:
            raise Unsupported("tool of values")
        if self.kind.name == "BOOL" and max(self.patterns) > 1:
            raise Damaged("a boolean is out of range")
        if any(
            nonzero and self.kind.is_zero(p) for nonzero, p in zip(self.mask, self.patterns, strict=False)
        ):
            raise Damaged("a non-zero value is zero")

    def codebook(self):
        """The header of codebook and fixed."""
        entries = self.section.integer(6) + 1
        if entries > 4096 or entries > sum(self.mask):
            raise Damaged("entries")
        key, keys, length = -1, [], 0
        for _ in range(entries):
            upper = self.section.integer(7) if self.kind.bits == 64 else 0
            lower = self.section.integer(8 + length)
            length = lower.bit_length()
            if length > 32:
                raise Damaged("lower part")
            key += (upper << 32 | lower) + 1
            if key >> self.kind.bits or key == self.kind.zero_key:
                raise Damaged("key")
            keys.append(key)
        return [self.kind.pattern(key) for key in keys]

    def multiples(self):
        """The header of step, as a codebook."""
        pattern = self.coder.even(self.kind.bits)
        below, above = self.section.integer(6), self.section.integer(6)
        if self.kind.name not in ("F64", "F32", "F16") or max(below, above) > 1023:
            raise Damaged("step")
        real = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[self.kind.name]
        step = np.array([pattern], self.kind.numpy).view(real)[0]
        factors = [*range(-below, 0), *range(1, above + 1)]
        with np.errstate(over="ignore"):
            products = np.array(factors, real) * step
        if not (0 < step < np.inf) or not factors or not (products[1:] > products[:-1]).all():
            raise Damaged("step")
        return products.view(self.kind.numpy).tolist()

    def ranked(self, patterns):
        """Entries below zero and above, by magnitude."""
        zero = self.kind.zero_key
        negative = [p for p in patterns if self.kind.key(p) < zero][::-1]
        positive = [p for p in patterns if self.kind.key(p) >= zero]
        return positive, negative

    def fixed(self, patterns):
        """Tool 3."""
        books = self.ranked(patterns)
        both = bool(books[0] and books[1])
        h = (max(map(len, books)) - 1).bit_length()
        for i, nonzero in enumerate(self.mask):
            if nonzero:
                negative = self.coder.even(1) if both else int(bool(books[1]))
                rank = self.coder.even(h)
                if rank >= len(books[negative]):
                    raise Damaged("rank")
                self.patterns[i] = books[negative][rank]

    def raw(self):
        """Tool 0."""
        top = self.section.integer(5)
        if top >> self.kind.head:
            raise Damaged("largest head")
        model = self.section.models.setdefault((self.kind.head, "raw"), Model())

        def value(negative, head, tail):
            return self.kind.of_raw(negative, head, tail(self.kind.tail_bits(head))), clamp(
                15 - top + head, 1, 15
            )

        self.coded(model, self.kind.head, self.kind.signed, value)

    def book(self, patterns):
        """Tools 1 and 2."""
        books = self.ranked(patterns)
        h = (max(map(len, books)) - 1).bit_length()
        top = max(map(self.kind.size, patterns))
        model = self.section.models.setdefault((h, "book"), Model())
        both = bool(books[0] and books[1])

        def value(negative, rank, _):
            if not both:
                negative = int(bool(books[1]))
            if rank >= len(books[negative]):
                raise Damaged("rank")
            pattern = books[negative][rank]
            return pattern, clamp(15 - top + self.kind.size(pattern), 1, 15)

        self.coded(model, h, both, value, int(not both and bool(books[1])))

    def coded(self, model, h, signs, value, constant=0):
        """Signs, heads and tails."""
        A, B, C, D = self.extents
        sign_of, level_of = {}, {}
        row, column, kernel, block = Mean(), Mean(), Mean(), Mean()
        inside = np.array(self.mask, np.int64).reshape(A, B, C * D).sum(2)
        last = before_last = 0
        N = 1 << (h + 1)
        for i, nonzero in enumerate(self.mask):
            if not nonzero:
                continue
            d, c, b, a = i % D, i // D % C, i // (D * C) % B, i // (D * C * B)
            left, up, before, previous = (
                (a, b, c, d - 1),
                (a, b, c - 1, d),
                (a, b - 1, c, d),
                (a - 1, b, c, d),
            )
            place = c * D + d
            negative = constant
            if signs:
                le, u, f, v = (sign_of.get(x, 0) for x in (left, up, before, previous))
                chosen = (0, 40 + le + 3 * u + 9 * f + 27 * v, 4 + le + 3 * u, 4 + f + 3 * v, min(place, 63))
                negative = model.signs.decode(self.coder, chosen, (256,), 0)

            def level(x):
                return level_of.get(x, 0) >> 1

            classes = (
                0,
                row.of(a),
                column.of((b, c, d)),
                level(left) * 8 + level(up),
                level(before) * 8 + level(previous),
                (kernel.of((a, b)) >> 1) * 4 + min(int(inside[a, b]), 7) // 2,
                min(place, 63),
                (last >> 1) * 8 + (before_last >> 1),
                block.of(b),
            )
            node = 1
            for depth in range(h):
                marked = node + (negative << h)
                node = 2 * node + model.heads.decode(
                    self.coder, [k * N + marked for k in classes], (256,), min(depth, 15)
                )
            head = node - (1 << h)

            def tail(bits, negative=negative, head=head):
                result, tree = 0, 1
                for j in range(bits):
                    if j < 3:
                        bit = self.coder.adaptive(model.tails, (negative, head, tree))
                        tree = 2 * tree + bit
                    else:
                        bit = self.coder.adaptive(model.tails, ("below", bits - 1 - j))
                    result = 2 * result + bit
                return result

            self.patterns[i], now = value(negative, head, tail)
            here = (a, b, c, d)
            sign_of[here], level_of[here] = -1 if negative else 1, now
            for mean, key in ((row, a), (column, (b, c, d)), (kernel, (a, b)), (block, b)):
                mean.add(key, now)
            before_last, last = last, now
