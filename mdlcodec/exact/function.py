"""Exact functions: a value and its gradient over arrays."""

from typing import Any

import numpy as np


class Function:
    """An exact function of arrays."""

    @staticmethod
    def forward(*inputs: Any) -> tuple[Any, Any]:
        """(value, what ``backward`` needs); inputs are contiguous arrays, then options."""
        raise NotImplementedError

    @staticmethod
    def backward(saved: Any, g: np.ndarray, input_gradient: bool = True) -> tuple[np.ndarray | None, ...]:
        """Gradients of the arrays; that of the first is None unless ``input_gradient``."""
        raise NotImplementedError
