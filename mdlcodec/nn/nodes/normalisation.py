"""Batch normalisation (Ioffe & Szegedy 2015; formats/arithmetic.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcodec.exact.random import Stream
from mdlcodec.nn.node import Backward, Parameter, Pass, Plain, Shape, applied


@dataclass(frozen=True)
class Normalisation(Plain):
    """Each channel by the batch's mean and variance in training, by running statistics in prediction.

    The newest batch enters the statistics with the larger of ``rate`` and 1 / (batches seen), so that the
    first batches are averaged plainly. Gains start at 1, or stay there where ``gain`` is False; biases start at 0.
    """

    rate: float = 0.1
    gain: bool = True

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """weight (the gain), unless there is none, and bias, (c,)."""
        own = {"weight": Parameter(inputs[0][:1])} if self.gain else {}
        return own | {"bias": Parameter(inputs[0][:1])}

    def statistics(self, *inputs: Shape) -> dict[str, Shape]:
        """Mean and variance, (c,)."""
        return {"running_mean": inputs[0][:1], "running_var": inputs[0][:1]}

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """See the class."""
        return [np.ones(inputs[0][0], np.float32), np.zeros(inputs[0][0], np.float32)][not self.gain :]

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) or (N, C)."""
        functions = run.arithmetic.functions
        moved = statistics.reshape(2, -1)  # (2 c,) -> mean and variance
        ones = functions.array(np.ones(moved.shape[1], np.float32))
        gain, bias = weights if self.gain else (ones, weights[0])
        if run.training:
            rate = max(self.rate, 1.0 / (run.batches + 1))
            reduction = run.arithmetic.reduction
            return applied(functions.batch_normalisation, x[0], gain, bias, moved, rate, reduction)
        return functions.normalised(x[0], moved, gain, bias), None

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The exact function's; a gain of 1 has no gradient."""
        entering, gradients = super().backward(saved, g, wanted)
        return entering, gradients[not self.gain :]
