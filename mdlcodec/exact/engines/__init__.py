"""Engines: interchangeable ways to multiply block integers exactly. They differ in speed, never in a byte.

Adding an engine is one new file and one line in ``ENGINES``.
"""

import os
from typing import Any, Protocol

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.engines.float64 import Float64Matrices
from mdlcodec.exact.engines.int8 import Int8Matrices
from mdlcodec.exact.engines.int16 import Int16Engine
from mdlcodec.exact.engines.matrix import MatrixEngine
from mdlcodec.exact.integers import Digits


class Engine(Protocol):
    """The product of formats/arithmetic.md, section 2, as a convolution of stride 1 and its gradients.

    A linear layer is a convolution of images of one place.
    """

    name: str

    def forward(
        self, x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, digits: Digits
    ) -> tuple[np.ndarray, Any]:
        """x float32 (N, H, W, C), w float32 (O, k, k, C), bias float32 (O,), all contiguous ->
        float32 (N, H + 2p - k + 1, W + 2p - k + 1, O), and what ``backward`` needs.

        Raises InexactComputation when a value is not finite.
        """

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """The gradient of the outputs, float32 (N, H', W', O), contiguous -> gradients of x (None unless
        ``input_gradient``), w and bias. Raises InexactComputation when a value is not finite."""


ENGINES: dict[str, Engine] = {
    "int16": Int16Engine(),
    "int8": MatrixEngine(Int8Matrices()),
    "float64": MatrixEngine(Float64Matrices()),
}


def named(name: str) -> Engine:
    """The engine of that name; raises BadData for an unknown one."""
    if name not in ENGINES:
        raise BadData(f"MDLCODEC_ENGINE: no engine named {name!r}; choose one of {', '.join(ENGINES)}")
    return ENGINES[name]


def default() -> Engine:
    """The engine that MDLCODEC_ENGINE names, else the fastest."""
    return named(os.environ.get("MDLCODEC_ENGINE", "int16"))
