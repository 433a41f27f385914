"""The state of what learns and of what codes, as named arrays: what a checkpoint holds.

Names of a part's arrays stand behind the part's own name and a slash. Whoever restores a state asks for every array
with the dtype and the shape that the settings give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mdlcodec.errors import CorruptFile

Saved = Mapping[str, np.ndarray]
MOST = 1 << 53  # of counts


def joined(parts: Mapping[str, Saved]) -> dict[str, np.ndarray]:
    """The states of parts, by the parts' names, as one."""
    return {f"{part}/{name}": array for part, saved in parts.items() for name, array in saved.items()}


def part_of(saved: Saved, part: str) -> dict[str, np.ndarray]:
    """The state of the part of that name."""
    start = f"{part}/"
    return {name[len(start) :]: array for name, array in saved.items() if name.startswith(start)}


def damaged(name: str) -> CorruptFile:
    """What is raised for an array that no checkpoint of these settings has."""
    return CorruptFile(
        f"the checkpoint is damaged: {name!r} is not what these settings have; remove it to start from the "
        "beginning"
    )


def taken(
    saved: Saved,
    name: str,
    dtype: type[Any],
    shape: tuple[int, ...],
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """A copy of the array of that name.

    Raises CorruptFile unless it has that dtype and that shape, and its values lie in low..high where that is given.
    """
    array = saved.get(name)
    if array is None or array.dtype != np.dtype(dtype) or array.shape != shape:
        raise damaged(name)
    if low is not None and not (array >= low).all():
        raise damaged(name)
    if high is not None and not (array <= high).all():
        raise damaged(name)
    return array.copy()


def whole(saved: Saved, name: str, most: int = MOST) -> int:
    """The integer of that name, 0..most; raises CorruptFile as ``taken`` does."""
    return int(taken(saved, name, np.int64, (), 0, most)[()])
