"""Softmax cross-entropy of scores on a device."""

from typing import Any

import numpy as np
import torch

from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.loss import CrossEntropy as OfArrays
from mdlcodec.exact.reduction import ALONE, Reduction


class CrossEntropy:
    """`mdlcodec.exact.loss.CrossEntropy`, computed by the CPU: its sums have an order, class by class and
    example by example, so a device would take longer to start them than a CPU takes to finish."""

    def __init__(self, engine: DeviceEngine) -> None:
        self._engine = engine

    def forward(
        self,
        scores: torch.Tensor,
        classes: np.ndarray,
        smoothing: float,
        reduction: Reduction = ALONE,
        seconds: np.ndarray | None = None,
        share: float = 0.0,
    ) -> tuple[float, Any]:
        """scores float32 (N, k) on the device, classes and seconds integers (N,)."""
        return OfArrays.forward(self._engine.read(scores), classes, smoothing, reduction, seconds, share)

    def backward(self, saved: Any, g: Any = 1.0, input_gradient: bool = True) -> tuple[torch.Tensor, ...]:
        """The gradient of the scores, on the device."""
        return (self._engine.array(saved[0]),)
