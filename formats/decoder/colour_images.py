"""Networks of large images in colour (formats/prequential.md, "Large images in colour")."""

import math
from functools import partial

import numpy as np

from decoder import muon
from decoder.blocks import columnsum, mean_logarithms, softmaxes
from decoder.cnn import moved, normalised
from decoder.elementary import logs
from decoder.frame import Unsupported
from decoder.layers import GELU, BatchNormalisation, Convolution, FullyConnected, Plain
from decoder.pooling import Maximum, MaximumOverPlaces
from decoder.portfolio import Entry, Portfolio
from decoder.random_numbers import Stream
from decoder.training import cross_entropy_gradient, integer_root, moved_towards

f32 = np.float32

# images, a, b, members of networks for all labels, and of those for the first ones
PRESETS = {
    4: [(60, 32, 128, 1)],
    5: [(160, 32, 128, 1), (100, 32, 128, 1)],
    6: [(260, 32, 128, 1), (160, 32, 128, 1)],
    7: [(260, 48, 192, 1), (160, 32, 128, 1)],
    8: [(240, 48, 192, 2), (160, 32, 128, 1)],
    9: [(340, 48, 192, 4)],
}
FIRST = 6000


def whitening(images):
    """Filters, float32 (8 c, 2, 2, c), and biases of images (n, h, w, c)."""
    x = images[:1000]
    _, h, w, c = x.shape
    patches = np.concatenate(
        [x[:, dy : h - 1 + dy, dx : w - 1 + dx] for dy in (0, 1) for dx in (0, 1)], -1
    ).reshape(-1, 4 * c)
    patches = patches.astype(np.float64)
    count = float(len(patches))
    mean = columnsum(patches) / count
    patches = patches - mean
    covariance = np.zeros((4 * c, 4 * c))
    for i in range(4 * c):
        for j in range(i, 4 * c):
            covariance[i, j] = columnsum((patches[:, i] * patches[:, j]).reshape(-1, 1))[0] / count
            covariance[j, i] = covariance[i, j]
    e, v = muon.eigenvectors(covariance)
    trace = 0.0
    for i in range(4 * c):
        trace = trace + float(covariance[i, i])
    m = trace / float(4 * c)
    floor = 5e-4 * m if m > 1e-12 else 1.0
    filters, biases = np.zeros((8 * c, 4 * c), f32), np.zeros(8 * c, f32)
    for i in range(4 * c):
        row = v[:, i] / math.sqrt(max(float(e[i]), 0.0) + floor)
        shift = 0.0
        for j in range(4 * c):
            shift = shift + float(row[j]) * float(mean[j])
        filters[i], filters[4 * c + i] = row, -row
        biases[i], biases[4 * c + i] = -shift, shift
    return filters.reshape(8 * c, 2, 2, c), biases


class Whitening(Plain):
    """A convolution that is not trained."""

    def __init__(self, images):
        self.filters, self.biases = whitening(images)
        self.convolution = Convolution(images.shape[3], len(self.filters), 0.0, True, k=2, p=0)

    def forward(self, x, state, training):
        """The value of a batch."""
        return self.convolution.forward(x, ([self.filters, self.biases], []), training)

    def backward(self, g):
        """Nothing below is trained."""
        return None, []


class WithoutBias:
    """A layer with weights whose biases are 0."""

    def initial(self, stream):
        """Initial weights."""
        (w, _), _ = super().initial(stream)
        return [w], []

    def forward(self, x, state, training):
        """The value of a batch."""
        return super().forward(x, ([state[0][0], np.zeros(self.out, f32)], []), training)

    def backward(self, g):
        """The gradient of the input, and that of the weights."""
        dx, (dw, _) = super().backward(g)
        return dx, [dw]


class H(WithoutBias, Convolution):
    """A convolution that begins as the identity."""

    def __init__(self, into, out, first):
        super().__init__(into, out, math.sqrt(1.0 / 3.0), first)
        self.digits = 1  # also where nothing below is trained

    def initial(self, stream):
        """Initial weights."""
        (w,), _ = super().initial(stream)
        w[: self.into] = 0
        for i in range(min(self.into, self.out)):
            w[i, 1, 1, i] = 1
        return [w], []


class Last(WithoutBias, FullyConnected):
    """The last layer."""


class WithoutGain(BatchNormalisation):
    """Batch normalisation whose gain is 1."""

    def __init__(self, channels):
        super().__init__(channels, 0.2)

    def initial(self, stream):
        """Initial biases and running statistics."""
        (_, bias), running = super().initial(stream)
        return [bias], running

    def forward(self, x, state, training):
        """The value of a batch."""
        (bias,), running = state
        return super().forward(x, ([np.ones(self.channels, f32), bias], running), training)

    def backward(self, g):
        """The gradient of the input, and that of the biases."""
        dx, (_, bias) = super().backward(g)
        return dx, [bias]


def layers_of(images, k, a, b):
    """The network of images (n, h, w, c)."""
    layers, into = [Whitening(images), GELU()], 8 * images.shape[3]
    for number, width in enumerate((a, b, b)):
        layers += [H(into, width, number == 0), Maximum(), WithoutGain(width), GELU()]
        layers += [H(width, width, False), WithoutGain(width), GELU()]
        into = width
    return [*layers, MaximumOverPlaces(), Last(b, k, math.sqrt(1.0 / b))]


def shifted(images, down, right, mirrored):
    """Images moved, reflected at the edges, and mirrored."""

    def inside(at, extent):
        at = -at if at < 0 else at
        return 2 * (extent - 1) - at if at >= extent else at

    _, h, w, _ = images.shape
    out = np.empty_like(images)
    for i, image in enumerate(images):
        rows = [inside(y + down[i], h) for y in range(h)]
        columns = [inside(x + right[i], w) for x in range(w)]
        if mirrored[i]:
            columns = [w - 1 - x for x in columns]
        out[i] = image[rows][:, columns]
    return out


def views_of(x):
    """Four views."""
    moves = ((0, False), (0, True), (1, False), (-1, True))
    return [shifted(x, [move] * len(x), [move] * len(x), [mirrored] * len(x)) for move, mirrored in moves]


def cutmix(x, stream):
    """(images, p, q): those of a batch, whose rectangles come from which, and which share they are; or q = 0."""
    B, h, w, _ = x.shape  # noqa: N806
    if stream.words(1)[0] < 1 << 63:
        return x, list(range(B)), 0.0
    p = stream.permutation(B)
    a = math.sqrt(float(stream.words(1)[0] >> 11) * 2.0**-53)
    rows, columns = math.floor(a * h), math.floor(a * w)
    (top,), (left,) = stream.below(h - rows + 1, 1), stream.below(w - columns + 1, 1)
    out = x.copy()
    out[:, top : top + rows, left : left + columns] = x[p][:, top : top + rows, left : left + columns]
    return out, p, (rows * columns) / (h * w)


class Member:
    """One network, its average, its streams, its pass over the examples; ``warp``: of large grey images; ``every``:
    the images of the others too, by which they are whitened."""

    def __init__(self, features, k, a, b, seed, e, warp, every):
        self.features, self.last, self.warp = features, b, warp
        self.layers = layers_of(every, k, a, b)
        initial = Stream(seed, 1, e)
        self.state = [layer.initial(initial) for layer in self.layers]
        self.average = [([w.copy() for w in ws], [r.copy() for r in rs]) for ws, rs in self.state]
        self.momenta = [[np.zeros_like(w) for w in ws] for ws, _ in self.state]
        self.numbers, self.views = Stream(seed, 2, e), Stream(seed, 4, e)
        self.faces = [w >> 63 for w in self.numbers.words(len(features))]
        self.queue, self.passes, self.steps = [], 0, 0

    def enter(self, start, stop):
        """A block is known."""
        queue = self.queue + list(range(start, stop))
        self.queue = [queue[i] for i in self.numbers.permutation(len(queue))]

    def batch(self, known):
        """Example numbers, and which are mirrored."""
        chosen, mirrored = [], []
        while len(chosen) < min(64, max(16, known // 2)):
            if not self.queue:
                self.queue, self.passes = self.numbers.permutation(known), self.passes + 1
            i = self.queue.pop(0)
            chosen.append(i)
            mirrored.append(self.faces[i] != self.passes % 2)
        return chosen, mirrored

    def scores(self, x):
        """Scores under the averaged state."""
        for layer, state in zip(self.layers, self.average, strict=True):
            x = layer.forward(x, state, False)
        return x

    def step(self, labels, known):
        """One step."""
        self.steps += 1
        chosen, mirrored = self.batch(known)
        x, y = self.features[chosen], np.array(labels)[chosen]
        if self.warp:
            x, others, q = self.warp(x, self.views), list(range(len(x))), 0.0
        else:
            down, right = ([v - 2 for v in self.views.below(5, len(chosen))] for _ in range(2))
            x, others, q = cutmix(shifted(x, down, right, mirrored), self.views)
        for i, layer in enumerate(self.layers):
            x = layer.forward(x, self.state[i], True)
            if isinstance(layer, BatchNormalisation):
                self.state[i] = (self.state[i][0], layer.running)
        g = cross_entropy_gradient(softmaxes(x), y, 0.0, y[others], q)
        gradients = []
        for layer in reversed(self.layers):
            if g is None:
                gradients.insert(0, [])
                continue
            g, mine = layer.backward(g)
            gradients.insert(0, mine)
        r = math.sqrt(10000.0 / max(10000, 64 * self.steps))
        for (ws, _), ms, gs in zip(self.state, self.momenta, gradients, strict=True):
            for w, m, slope in zip(ws, ms, gs, strict=True):
                rate, momentum = {4: (0.1, 0.6), 2: (0.2 / (self.last * self.last), 0.85), 1: (0.02, 0.85)}[
                    w.ndim
                ]
                muon.step(r, w, m, slope, rate, momentum, w.ndim == 4)
        c = f32((30 + 1) / (self.steps + 30))
        for (ws, rs), (aw, ar) in zip(self.state, self.average, strict=True):
            for now, mean in (*zip(ws, aw, strict=True), *zip(rs, ar, strict=True)):
                mean[...] = moved_towards(mean, now, c)


class Passes:
    """Members that learn from passes over images (n, h, w, c) divided already; every: see Member."""

    def __init__(self, x, k, images, a, b, numbers, seed, warp=None, every=None):
        self.features, self.n, self.k, self.images, self.warp = x, len(x), k, images, warp
        every = x if every is None else every
        self.members = [Member(x, k, a, b, seed, e, warp, every) for e in numbers]
        self.sets = len(self.members) + (len(self.members) > 1)
        self.labels, self.owed, self.before = [], 0, 0

    def block_end(self, start):
        """Where the block that begins at start ends."""
        return min(self.n, 8 if start == 0 else start + max(1, -(-start // 10)))

    def predict(self, start, stop):
        """Scores, float64 (stop - start, sets, K)."""
        x = self.features[start:stop]
        views = moved(x) if self.warp else views_of(x)
        out = np.zeros((stop - start, self.sets, self.k))
        for number, member in enumerate(self.members):
            total = 0.0
            for view in views:
                total = total + logs(np.maximum(softmaxes(member.scores(view)), 1e-300))
            out[:, number] = total / float(len(views))
        if len(self.members) > 1:
            out[:, -1] = mean_logarithms([softmaxes(out[:, i]) for i in range(len(self.members))])
        return out

    def seen(self, m):
        """T(m)."""
        return integer_root(self.images**4 * m**3, 4)

    def learn(self, start, stop, labels):
        """Takes labels start..stop-1."""
        self.labels += list(labels)
        known = len(self.labels)
        if known == self.n:
            return
        self.owed += self.seen(known) - self.seen(self.before)
        steps, self.owed = divmod(self.owed, min(64, max(16, known // 2)))
        for member in self.members:
            member.enter(start, stop)
            for _ in range(steps):
                member.step(self.labels, known)
        self.before = known


def passes(features, k, preset, seed, member, images_of, kind, examples=None):
    """All members of a kind; or one of them alone, by its number among these, with other images. Of the first
    examples."""
    images, a, b, count = PRESETS[preset][kind]
    first = sum(members for *_, members in PRESETS[preset][:kind])
    numbers = range(first, first + count) if member is None else [first + member]
    images = images_of(images) if images_of else images
    x = normalised(features)
    return Passes(x[:examples], k, images, a, b, numbers, seed, every=x)


def kinds(features, preset):
    """(maker of a predictor with all or one of its members, how many these are) of each kind."""
    if features.ndim != 4 or features.shape[3] != 3 or min(features.shape[1:3]) < 20 or preset < 4:
        raise Unsupported("this network for these inputs or this preset")
    for kind, (*_, count) in enumerate(PRESETS[preset]):
        yield partial(passes, kind=kind), count


class ColourImages(Portfolio):
    """All kinds."""

    def __init__(self, features, k, preset, seed):
        n = len(features)
        entries = []
        for (make, _), end in zip(kinds(features, preset), (n, min(n, FIRST)), strict=False):
            p = make(features, k, preset, seed, None, None, examples=end)
            entries.append(Entry(p, end, [p.sets - 1]))
        super().__init__(entries, n, k)
