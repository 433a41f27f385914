"""The mean of each window, or of the whole map (formats/arithmetic.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.nn.node import Pass, Plain, Shape, applied, check_at_least
from mdlcodec.nn.nodes.windows import pooled_shape


@dataclass(frozen=True)
class AveragePooling(Plain):
    """(c, h, w) -> (c, (h - kernel) // stride + 1, ..); ``kernel`` None: the mean of the whole map, (c,)."""

    kernel: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        """Raise BadData for what are no windows."""
        check_at_least(1, kernel=1 if self.kernel is None else self.kernel, stride=self.stride)

    def outputs(self, *inputs: Shape) -> Shape:
        """See the class. Raises BadData for what are no maps, or maps that are too small."""
        return pooled_shape(inputs[0], self.kernel, self.stride)

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H', W', C), or (N, C)."""
        if self.kernel is None:
            return applied(run.arithmetic.functions.global_average, x[0])
        return applied(run.arithmetic.functions.average_pool, x[0], self.kernel, self.stride)
