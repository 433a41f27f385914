"""What training in ordinary float32 shares, by senders whose network is transmitted: steps, batches, a check.

No receiver repeats such training, so that its results may differ between machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from mdlcodec.errors import InexactComputation

StepProgress = Callable[[int, int, float], None]
"""Is told steps done, steps in all, and a mean loss, of one batch or of the last ones (nats a label)."""


_FEWEST_STEPS = 20
_EXAMPLES = 60_000  # that recipes are for


def scaled(steps: int, effort: float, n: int, fewest: int = _FEWEST_STEPS) -> int:
    """Steps for n examples where the recipe has ``steps`` for 60,000 examples or more."""
    return max(fewest, round(steps * effort * min(1.0, (n / _EXAMPLES) ** 0.5)))


def cooled(part: float, start: float) -> float:
    """1 until ``start``, a part of the training, then along a cosine to 0 at its end."""
    return 0.5 * (1 + math.cos(math.pi * max(0.0, part - start) / (1 - start)))


def batches(size: int, permutation: Callable[[], np.ndarray]) -> Iterator[np.ndarray]:
    """Endless batches (size,) of indices, from one random order of the examples after another.

    ``permutation`` gives such an order, int64 (n,) with n at least 1; a batch may go on in the next one.
    """
    waiting = np.empty(0, np.int64)
    while True:
        while waiting.size < size:
            waiting = np.concatenate([waiting, permutation()])
        yield waiting[:size]
        waiting = waiting[size:]


def checked_loss(loss: float) -> float:
    """The loss of a batch; raises InexactComputation when it is NaN or infinite."""
    if not np.isfinite(loss):
        raise diverged()
    return loss


def diverged() -> InexactComputation:
    """The error of a training that found no finite weights."""
    return InexactComputation(
        "training diverged: the loss or a weight is NaN or infinite; choose another --seed"
    )
