"""A shortcut past a convolution of stride 2 (He et al. 2016, option A): every second place, new channels of 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Pass, Plain, Shape, applied, check_at_least


@dataclass(frozen=True)
class Subsampling(Plain):
    """(c, h, w) -> (c + 2 ``added``, ceil(h / stride), ..): every stride-th place, ``added`` zero channels on each
    side."""

    added: int
    stride: int = 2

    def __post_init__(self) -> None:
        """Raise BadData for what is no subsampling."""
        check_at_least(0, added=self.added)
        check_at_least(1, stride=self.stride)

    def outputs(self, *inputs: Shape) -> Shape:
        """See the class. Raises BadData for what are no maps."""
        if len(inputs[0]) != 3:
            raise BadData(f"subsampling takes maps (c, h, w), not values of shape {inputs[0]}")
        sides = (-(-side // self.stride) for side in inputs[0][1:])
        return (inputs[0][0] + 2 * self.added, *sides)

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) -> (N, H', W', C + 2 added)."""
        return applied(run.arithmetic.functions.subsample, x[0], self.stride, self.added, self.added)
