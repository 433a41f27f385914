"""Tables, adaptive probabilities, bit histories and nodes of formats/mixing.md."""

from functools import cache


def _exponential(a, b):
    x = (abs(a) << 144) // (b << 8)
    t = s = 1 << 144
    k = 1
    while t:
        t = (t * x >> 144) // k
        s += t
        k += 1
    for _ in range(8):
        s = s * s >> 144
    return (1 << 224) // s if a < 0 else s >> 64


def _squash(x):
    d = (1 << 80) + _exponential(-x, 256)
    return min((1 << 22) - 1, max(1, ((1 << 102) + d // 2) // d))


SQUASH = {x: _squash(x) for x in range(-3071, 3072)}


def _stretches():
    table, x = [], -3071
    for c in range(4096):
        while x < 3071 and SQUASH[x + 1] <= 1024 * c + 512:
            x += 1
        table.append(min(2047, max(-2047, x)))
    return table


_STRETCH = _stretches()


def stretch(p):
    """The logit of a probability of 22 bits."""
    return _STRETCH[p >> 10]


EMPTY = 0, 1 << 17, 0  # a node: number of its history, its own probability of 18 bits, count


def after(node, y):
    """A node after a bit."""
    history, p, count = node
    p += (((y << 18) - y - p) * ((1 << 17) // (2 * count + 3))) >> 16
    return FOLLOW[history][y], p, min(count + 1, 63)


@cache
def alike(y, times):
    """The node after so many bits y, and no others."""
    node = EMPTY
    for _ in range(times):
        node = after(node, y)
    return node


class Adaptive:
    """An adaptive probability."""

    def __init__(self, limit, p=1 << 21, count=0):
        self.p, self.count, self.limit = p, count, limit

    def learn(self, y):
        """Takes a bit."""
        self.p += (((y << 22) - y - self.p) * ((1 << 17) // (2 * self.count + 3))) >> 16
        self.count = min(self.count + 1, self.limit)


def by_counts(zeros, ones):
    """The probability that the numbers of zeros and ones start with."""
    return (10 * ones + 4) * (1 << 22) // (10 * zeros + 10 * ones + 8)


def _after(history, y):
    if isinstance(history, str):
        longer = history + str(y)
        return longer if len(history) < 3 else (longer.count("0"), longer.count("1"), y)
    counts = list(history[:2])
    counts[1 - y] = (0, 1, 2, 3, 4, 5, 5, 6, 7)[min(counts[1 - y], 8)]
    counts[y] += 1
    most = (36, 30, 13, 8, 6, 5)
    while min(counts) >= 6 or max(counts) > most[min(counts)]:
        own = counts[y] > 2 and counts[y] > most[min(5, counts[1 - y])]
        counts[y if own else 1 - y] -= 1
    return *counts, y


def _histories():
    order, numbers, follow = [""], {"": 0}, []
    for history in order:
        row = []
        for y in (0, 1):
            new = _after(history, y)
            if new not in numbers:
                numbers[new] = len(order)
                order.append(new)
            row.append(numbers[new])
        follow.append(row)
    counts = [(h.count("0"), h.count("1")) if isinstance(h, str) else h[:2] for h in order]
    return follow, counts


FOLLOW, COUNTS = _histories()
