"""Steps after which a training is looked at, spaced evenly on a logarithmic scale."""

from __future__ import annotations

from mdlcodec.errors import BadData


def checkpoints(steps: int, count: int) -> tuple[int, ...]:
    """0, then the distinct floors of steps^(i / (count - 1)), i = 0 .. count - 1, in integers. Raises BadData
    for fewer than two, or no step."""
    if count < 2 or steps < 1:
        raise BadData(f"{count} checkpoints of {steps} steps; give 2 or more, and 1 step or more")
    roots = (_root(steps**i, count - 1) for i in range(count))
    return tuple(dict.fromkeys((0, *roots)))


def _root(x: int, degree: int) -> int:
    """The largest integer whose power of that degree is at most x."""
    low, high = 0, 1 << (x.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= x:
            low = middle
        else:
            high = middle
    return low
