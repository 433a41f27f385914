"""What the codes that learn on both sides share of their checkpoints: when they are written, and how far they are.

A checkpoint stands between blocks, after predictors retired: what it holds was learned from the labels before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdlcodec.codes.contract import Checkpoint
from mdlcodec.saved import Saved, damaged, taken, whole


def coder_of(checkpoint: Checkpoint | None) -> str | None:
    """The backend of the range coder: where there is a checkpoint, the one whose state can be kept."""
    return None if checkpoint is None else "numba"


def keep(checkpoint: Checkpoint | None, done: int, saved: Callable[[], Saved]) -> None:
    """Saves the state after ``done`` labels if it is time to."""
    if checkpoint is not None and done > 0 and checkpoint.due():
        checkpoint.save(saved())


def position(done: int, bits: float) -> dict[str, np.ndarray]:
    """How many labels are done, and their ideal bits."""
    return {"done": np.array(done, np.int64), "bits": np.array(bits)}


def labels_done(held: Saved | None, n: int) -> int:
    """How many of n labels are done, 0 where nothing is held. Raises CorruptFile."""
    if held is None:
        return 0
    done = whole(held, "done")
    if not 0 < done < n:
        raise damaged("done")
    return done


def bits_of(held: Saved) -> float:
    """Ideal bits of the labels that are done. Raises CorruptFile."""
    return float(taken(held, "bits", np.float64, (), 0.0)[()])
