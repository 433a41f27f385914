# ruff: noqa: N806 (capitals as on the page)
"""The network section: named tensors, bit for bit (formats/network.md, "Layout" to "Significance")."""

import math

import numpy as np

from decoder.element_types import TYPES
from decoder.frame import Damaged, Unsupported
from decoder.logistic_mixing import STRETCH, Coder, Mixture, Slots, clamp
from decoder.names import Text
from decoder.network_values import Values


class Kind(Slots):
    """The slots of a kind of integers."""


def plain_extents(shape):
    """Extents (a, b, c, d) of order 0 without a split."""
    if len(shape) < 2:
        return (int(np.prod(shape, dtype=np.int64)), 1, 1, 1)
    a, b, c = [*shape[:3], 1][:3]
    return (a, b, c, int(np.prod(shape[3:], dtype=np.int64)))


class Section:
    """A section, and the models that learn on from tensor to tensor."""

    def __init__(self, data):
        self.data, self.coder = data, Coder(data)
        self.kinds = {}
        self.csr_kinds = [Kind() for _ in range(17)]
        self.text = Text.primed().copied()
        self.expected, self.zero_signs = Slots(), Slots()
        self.last2 = self.last3 = None
        self.names = 0  # bytes of names so far
        self.masks = []  # (non-zeros of the slices of axis a, of axis b) of every tensor
        w = [round(v * 65536) for v in (0.3, 0.3, 0.2, -0.1, 0, 0.1, 0.4, 0, 0.1, 0, 0)]
        self.significance = Mixture(w, 4, (2, 8), 1000)
        self.models = {}

    def integer(self, kind):
        """An integer of a kind by its number."""
        return self.coder.integer(self.kinds.setdefault(kind, Kind()))

    def decode(self):
        """All tensors: name, element type, patterns."""
        tensors = []
        count = self.integer(0)
        if count > 65536:
            raise Damaged("too many tensors")
        for _ in range(count):
            tensors.append(self.tensor())
        if len({name for name, _, _ in tensors}) < count:
            raise Damaged("two tensors have one name")
        if self.coder.encoder.bytes() != self.data:
            raise Damaged("not the string that an encoder writes")
        return tensors

    def description(self):
        """Name, type and shape."""
        size = self.integer(0)
        self.names += size
        if size > 8192 or self.names > 1 << 20:
            raise Damaged("names are too long")
        name = self.text.name(self.coder, size)
        number, axes = self.integer(1), self.integer(2)
        if number >= len(TYPES):
            raise Unsupported("element type")
        if axes > 64:
            raise Damaged("axes")
        shape = []
        for axis in range(axes):
            expected = None
            if (axes == 1 or axis == 1) and self.last2:
                expected = self.last2[0]
            elif axis >= 2 and self.last3 and len(self.last3) > axis:
                expected = self.last3[axis]
            if expected is not None and self.coder.adaptive(self.expected, (min(axes, 3), min(axis, 3))):
                shape.append(expected)
            else:
                shape.append(self.integer(4 if axis else 3))
        if math.prod(max(1, extent) for extent in shape) > 1 << 56:
            raise Damaged("too many elements")
        shape = tuple(shape)
        if axes >= 2:
            self.last2 = shape
        if axes >= 3:
            self.last3 = shape
        return name, TYPES[number], shape

    def view(self, shape):
        """(extents (a, b, c, d), flat index of each element in scan order)"""
        size = int(np.prod(shape, dtype=np.int64))
        flat = np.arange(size).reshape(shape)
        if len(shape) < 2:
            return (size, 1, 1, 1), flat.ravel()
        number = self.integer(5)
        order, split = number % 4, number // 4
        axes = list(range(len(shape)))
        if order == 1:
            axes[0], axes[1] = 1, 0
        elif order == 2:
            axes = [axes[-1], axes[-2], *axes[:-2]]
        elif order == 3:
            axes = [axes[-2], axes[-1], *axes[:-2]]
        flat = flat.transpose(axes)
        extents = list(flat.shape)
        if split:
            height, width = self.integer(6), self.integer(6)
            if split > 1 or len(shape) > 2 or max(height, width) > 4096 or height * width < 2:
                raise Damaged("a split")
            if extents[1] % (height * width):
                raise Damaged("a split that does not divide")
            extents = [extents[0], extents[1] // (height * width), height, width]
        extents += [1] * (3 - len(extents))
        extents = [*extents[:3], int(np.prod(extents[3:], dtype=np.int64))]
        return tuple(extents), flat.ravel()

    def tensor(self):
        """The next tensor."""
        name, kind, shape = self.description()
        size = int(np.prod(shape, dtype=np.int64))
        tool = self.integer(4)
        if tool > 3:
            raise Unsupported("tool of positions")
        if tool == 0:
            extents, order = plain_extents(shape), np.arange(size)
        else:
            extents, order = self.view(shape)
        patterns = [0] * size
        if tool <= 1 or size == 0:
            mask = [tool == 1] * size
        elif tool == 2:
            mask = self.csr(extents)
        else:
            mask = self.significant(extents)
        if size and kind.negative_zero and tool != 1 and self.integer(4):
            sign = 0
            for i, nonzero in enumerate(mask):
                if not nonzero:
                    sign = self.coder.adaptive(self.zero_signs, sign)
                    patterns[i] = sign << (kind.bits - 1)
        grid = np.array(mask, np.int64).reshape(extents)
        self.masks.append((grid.sum((1, 2, 3)).tolist(), grid.sum((0, 2, 3)).tolist()))
        if any(mask):
            Values(self, kind, extents, mask, patterns).decode()
        elif size and tool:
            raise Damaged("a tensor without non-zeros that is not called empty")
        out = np.zeros(size, kind.numpy)
        out[order] = np.array(patterns, np.uint64).astype(kind.numpy)
        return name, kind.name, out.reshape(shape)

    def csr(self, extents):
        """Positions by gaps ("CSR")."""
        a, columns = extents[0], extents[1] * extents[2] * extents[3]
        mask = [False] * (a * columns)
        for row in range(a):
            left, place = self.coder.integer(self.csr_kinds[0]), 0
            if left > columns:
                raise Damaged("too many non-zeros in a row")
            while left:
                room = columns - place - left
                gap = self.coder.integer(self.csr_kinds[1 + min(15, (room // left).bit_length())])
                if gap > room:
                    raise Damaged("a gap is too long")
                place += gap
                mask[row * columns + place] = True
                place, left = place + 1, left - 1
        return mask

    def linked(self, extent):
        """Bits of the non-zeros of slices of a tensor before."""
        link = self.integer(7)
        if not link:
            return [0] * extent
        back, axis = (link - 1) // 2 + 1, (link - 1) % 2
        if back > len(self.masks) or len(self.masks[-back][axis]) != extent:
            raise Damaged("link")
        return [min(7, count.bit_length()) for count in self.masks[-back][axis]]

    def significant(self, extents):
        """Positions by a mixture ("Significance")."""
        A, B, C, D = extents
        link_a, link_b = self.linked(A), self.linked(B)
        bits = np.zeros(extents, np.int64)
        mask = []
        total = seen = 0
        inputs = np.zeros((B, C, D), np.int64)
        blocks, spots = [[0, 0] for _ in range(B)], np.zeros((C, D, 2), np.int64)
        kernels = np.zeros((A, B), np.int64)

        def at(a, b, c, d):
            return int(bits[a, b, c, d]) if a >= 0 and b >= 0 and c >= 0 and 0 <= d < D else 0

        for a in range(A):
            row_ones = row_seen = 0
            for b in range(B):
                here = inside_seen = 0
                above = min(int(kernels[a - 1, b]), 3) if a else 0
                beside = min(int(kernels[a, b - 1]), 3) if b else 0
                for c in range(C):
                    for d in range(D):
                        prior = clamp((65536 * total + 32768) // (seen + 1), 1, 65535)

                        def ratio(k, m, s, prior=prior):
                            return STRETCH[clamp((65536 * int(k) + s * prior) // (int(m) + s), 1, 65535)]

                        row, inp = ratio(row_ones, row_seen, 2), ratio(inputs[b, c, d], a, 16)
                        block, spot = ratio(*blocks[b], 16), ratio(*spots[c, d], 32)
                        inside, base = ratio(here, inside_seen, 8), STRETCH[prior]
                        guess = clamp(row + inp - base, -3071, 3071)
                        coarse = (guess + 3071) // 400
                        left, up, before, previous = (
                            at(a, b, c, d - 1),
                            at(a, b, c - 1, d),
                            at(a, b - 1, c, d),
                            at(a - 1, b, c, d),
                        )
                        second, up_left, up_right = (
                            at(a, b - 2, c, d),
                            at(a, b, c - 1, d - 1),
                            at(a, b, c - 1, d + 1),
                        )
                        near, la, lb = left + up + before + previous, link_a[a], link_b[b]
                        chosen = (
                            coarse * 128
                            + left
                            + 2 * up
                            + 4 * before
                            + 8 * previous
                            + 16 * second
                            + 32 * up_left
                            + 64 * up_right,
                            (coarse * 8 + la) * 8 + lb,
                            (la * 16 + (row + 3071) // 400) * 16 + (inp + 3071) // 400,
                            (coarse * 4 + min(here, 3)) * 8 + near,
                            coarse * 64 + above + 4 * beside + 16 * min(here, 3),
                        )
                        further = (row, block - base, inp - base, spot - base, inside - base, 256)
                        bit = self.significance.decode(self.coder, chosen, further, min(near, 2))
                        mask.append(bool(bit))
                        bits[a, b, c, d] = bit
                        total, seen = total + bit, seen + 1
                        row_ones, row_seen = row_ones + bit, row_seen + 1
                        here, inside_seen = here + bit, inside_seen + 1
                        inputs[b, c, d] += bit
                        blocks[b][0] += bit
                        blocks[b][1] += 1
                        spots[c, d, 0] += bit
                        spots[c, d, 1] += 1
                kernels[a, b] = here
        return mask


def decode_network(data):
    """Tensors (name, type, patterns) of a section."""
    return Section(data).decode()
