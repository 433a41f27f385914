"""Maps become columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Backward, Pass, Plain, Shape

CHANNELS_FIRST, CHANNELS_LAST = "chw", "hwc"


@dataclass(frozen=True)
class Flatten(Plain):
    """(c, h, w) -> (c h w,), in the order ``chw`` or ``hwc``; columns stay as they are."""

    order: str = CHANNELS_FIRST

    def __post_init__(self) -> None:
        """Raise BadData for another order."""
        if self.order not in (CHANNELS_FIRST, CHANNELS_LAST):
            raise BadData(
                f"no order {self.order!r} to flatten maps in; choose {CHANNELS_FIRST} or {CHANNELS_LAST}"
            )

    def outputs(self, *inputs: Shape) -> Shape:
        """One axis."""
        size = 1
        for extent in inputs[0]:
            size *= extent
        return (size,)

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, C H W)."""
        value, functions = x[0], run.arithmetic.functions
        shape = tuple(value.shape)
        if self.order == CHANNELS_FIRST and len(shape) == 4:
            value = functions.permuted(value, (0, 3, 1, 2))
        return value.reshape(shape[0], -1), (functions, shape)

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The same values in the input's shape."""
        functions, shape = saved
        if self.order == CHANNELS_FIRST and len(shape) == 4:
            n, height, width, channels = shape
            return (functions.permuted(g.reshape(n, channels, height, width), (0, 2, 3, 1)),), ()
        return (g.reshape(shape),), ()
