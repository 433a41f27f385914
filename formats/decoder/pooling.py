"""Layers that pool or leave places out (formats/arithmetic.md, section 6); maps (n, rows, columns, channels)."""

import numpy as np

from decoder.layers import Plain

f32 = np.float32


class Pool(Plain):
    """Windows of k rows and columns, every s places, 2x2 by default."""

    def __init__(self, k=2, s=2):
        self.k, self.s = k, s

    def places(self, shape):
        """The slices of rows and columns that the windows have at each of their places, in row order."""
        rows, columns = ((side - self.k) // self.s + 1 for side in shape[1:3])
        for y in range(self.k):
            for x in range(self.k):
                yield (
                    slice(None),
                    slice(y, y + self.s * (rows - 1) + 1, self.s),
                    slice(x, x + self.s * (columns - 1) + 1, self.s),
                )

    def gathered(self, shares, divisor=1.0):
        """The gradient of the input: float64 sums of the windows' shares, one array for each place of a window.

        Windows are added in row order: of a place, the earlier window has it at a later place of its own.
        """
        total = np.zeros(self.shape)
        for place, share in reversed(list(zip(self.places(self.shape), shares, strict=True))):
            # where no windows overlap nothing is added, and a -0 stays
            before = total[place] if self.s < self.k else -0.0
            total[place] = before + share.astype(np.float64)
        return (total / divisor).astype(f32)


class Maximum(Pool):
    """The largest of each window, the first of equals."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.shape = x.shape
        windows = [x[place] for place in self.places(x.shape)]
        largest, self.which = windows[0], np.zeros(windows[0].shape, np.int64)
        for i, window in enumerate(windows[1:], 1):
            self.which = np.where(window > largest, i, self.which)
            largest = np.where(window > largest, window, largest)
        return largest

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return self.gathered([np.where(self.which == i, g, f32(0)) for i in range(self.k * self.k)]), []


class MaximumOverPlaces(Plain):
    """The largest of each map, the first of equals."""

    def forward(self, x, state, training):
        """The value of a batch, (n, channels)."""
        self.shape, places = x.shape, x.reshape(len(x), -1, x.shape[3])
        self.which = places.argmax(1)
        return np.take_along_axis(places, self.which[:, None], 1)[:, 0]

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        dx = np.zeros((self.shape[0], self.shape[1] * self.shape[2], self.shape[3]), f32)
        np.put_along_axis(dx, self.which[:, None], g[:, None], 1)
        return dx.reshape(self.shape), []


class Average(Pool):
    """The mean of each window."""

    def forward(self, x, state, training):
        """The value of a batch."""
        self.shape = x.shape
        total = 0.0
        for place in self.places(x.shape):
            total = total + x[place].astype(np.float64)
        return (total / float(self.k * self.k)).astype(f32)

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        return self.gathered([g] * (self.k * self.k), float(self.k * self.k)), []


class AverageOverPlaces(Plain):
    """The mean of each map."""

    def forward(self, x, state, training):
        """The value of a batch, (n, channels)."""
        self.shape = x.shape
        total = np.zeros((len(x), x.shape[3]))
        for y in range(x.shape[1]):
            for z in range(x.shape[2]):
                total = total + x[:, y, z].astype(np.float64)
        return (total / float(x.shape[1] * x.shape[2])).astype(f32)

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        share = (g.astype(np.float64) / float(self.shape[1] * self.shape[2])).astype(f32)
        return np.broadcast_to(share[:, None, None], self.shape), []


class Subsampling(Plain):
    """Every s-th place, with channels of zeros before and after."""

    def __init__(self, s, before, after):
        self.s, self.before, self.after = s, before, after

    def forward(self, x, state, training):
        """The value of a batch."""
        self.shape = x.shape
        return np.pad(x[:, :: self.s, :: self.s], ((0, 0), (0, 0), (0, 0), (self.before, self.after)))

    def backward(self, g):
        """The gradient of the input, and those of the weights."""
        dx = np.zeros(self.shape, f32)
        dx[:, :: self.s, :: self.s] = g[..., self.before : self.before + self.shape[3]]
        return dx, []
