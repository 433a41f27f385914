"""Two branches added (He et al. 2016; formats/arithmetic.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.errors import BadData
from mdlcodec.nn.node import Backward, Pass, Plain, Shape


@dataclass(frozen=True)
class Addition(Plain):
    """x + y, two inputs of one shape."""

    entering = 2

    def outputs(self, *inputs: Shape) -> Shape:
        """The inputs' shape. Raises BadData for inputs that are not two of one shape."""
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise BadData(f"an addition takes two values of one shape, not {' and '.join(map(str, inputs))}")
        return inputs[0]

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """Any shape."""
        return run.arithmetic.functions.add.forward(x[0], x[1])[0], None

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The gradient for both."""
        return (g, g), ()
