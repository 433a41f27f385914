"""Engines: interchangeable ways to multiply integer matrices exactly. They differ in speed, never in a byte.

An engine holds an integer matrix as *planes*, its own representation, most significant first. Adding an
engine is one new file and one line in ``ENGINES``.
"""

import os
from typing import Protocol

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.engines.float64 import Float64Engine
from mdlcodec.exact.engines.int8 import Int8Engine

Planes = tuple[np.ndarray, ...]


class Engine(Protocol):
    """What an engine offers. Sums have at most 2^27 terms (formats/arithmetic.md, section 2)."""

    name: str

    def planes(self, integers: np.ndarray, digits: int) -> Planes:
        """int16 integers of any shape (block integers of so many digits) -> this engine's planes."""

    def product(self, a: Planes, b: Planes, scales: np.ndarray) -> np.ndarray:
        """Rows by rows: a (M, K), b (N, K), scales float64 (M,) powers of two -> float32 (M, N) of
        scales[m] * sum_k a[m, k] b[n, k], rounded once, +0.0 for zero."""

    def outer(self, a: Planes, b: Planes, total: np.ndarray) -> None:
        """Columns by columns: a (R, M), b (R, N); adds sum_r a[r, m] b[r, n] to total, float64 (M, N)."""


ENGINES: dict[str, Engine] = {"float64": Float64Engine(), "int8": Int8Engine()}


def named(name: str) -> Engine:
    """The engine of that name; raises BadData for an unknown one."""
    if name not in ENGINES:
        raise BadData(f"MDLCODEC_ENGINE: no engine named {name!r}; choose one of {', '.join(ENGINES)}")
    return ENGINES[name]


def default() -> Engine:
    """The engine that MDLCODEC_ENGINE names, else the float64 engine, which works everywhere."""
    return named(os.environ.get("MDLCODEC_ENGINE", "float64"))
