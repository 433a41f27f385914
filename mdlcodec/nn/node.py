"""What a node of a network offers, whatever it computes; `mdlcodec.nn.nodes` has one file for each.

Shapes are of one example, channels first as PyTorch has them: (c, h, w) for maps, (d,) for columns. In memory maps
lie channels last, (N, H, W, C), and so do the weights that meet them, since engines multiply them so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import Digits
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.random import Stream

Shape = tuple[int, ...]
SQRT_2 = 1.4142135623730951  # gain for what a ReLU follows (He et al. 2015)


@dataclass(frozen=True)
class Parameter:
    """A tensor of a node: its shape as it travels, and how engines hold it."""

    shape: Shape  # PyTorch's: (out, in, k, k), (out, in) or (out,)
    channels_last: bool = False  # engines hold it as (out, k, k, in)

    @property
    def held(self) -> Shape:
        """The shape in which engines hold it."""
        if not self.channels_last:
            return self.shape
        out, channels, height, width = self.shape
        return (out, height, width, channels)

    def to_held(self, array: np.ndarray) -> np.ndarray:
        """An array of ``shape`` as engines hold it, contiguous."""
        # (out, in, k, k) -> (out, k, k, in)
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if self.channels_last else array)

    def from_held(self, array: np.ndarray) -> np.ndarray:
        """The other way, contiguous."""
        # (out, k, k, in) -> (out, in, k, k)
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2) if self.channels_last else array)


@dataclass
class Pass:
    """What a forward pass needs besides inputs and weights."""

    arithmetic: Arithmetic
    training: bool
    batches: int = 0  # seen in training before this one
    noise: Stream | None = None  # words for dropout, in training only
    _by_digits: dict[Digits, Arithmetic] = field(default_factory=dict)

    def with_digits(self, digits: Digits) -> Arithmetic:
        """The arithmetic of products whose operands have these digits."""
        if digits not in self._by_digits:
            self._by_digits[digits] = replace(self.arithmetic, digits=digits)
        return self._by_digits[digits]


Backward = tuple[Sequence[Any], Sequence[Any]]
"""Gradients of a node's inputs, None where none is wanted, and of its parameters in their order."""


class Node(Protocol):
    """One step of a network. Arrays are of the kind that the arithmetic's functions take."""

    @property
    def entering(self) -> int:
        """How many inputs it has."""

    def outputs(self, *inputs: Shape) -> Shape:
        """Shape of its value. Raises BadData for inputs that do not fit."""

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """Its trained tensors by name, in the order of the state that training keeps."""

    def statistics(self, *inputs: Shape) -> dict[str, Shape]:
        """Its running statistics by name, vectors (c,); they start at 0."""

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """Initial parameters, float32, as engines hold them."""

    def fitted(self, shapes: Mapping[str, Shape]) -> Node:
        """The same with the widths of tensors that it is given, by name: what was pruned away is not there."""

    def operations(self, *inputs: Shape) -> int:
        """Multiply-adds of one example's forward pass."""

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """float32 (N, ...) for each input -> its value (N, ...), and what ``backward`` needs.

        ``weights``: as engines hold them; ``statistics``: one after another, float32 (sum of sizes,), changed in
        place in training.
        """

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The gradient of its value -> see `Backward`; ``wanted``: of which inputs.

        ``into``: arrays that the parameters' gradients may be written to, and are then returned.
        """

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> Any:
        """What it keeps to go through sequences place by place: weights laid out, and nothing seen yet; ``inputs``:
        shapes of the longest sequences."""

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """Moves what it keeps to after a forward pass from the first place on, of inputs x (S, T, ..)."""

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """One more place, (S, 1, ..) for each input -> (S, 1, ..): the bits that ``forward`` has there."""


class Plain:
    """A node without parameters, of one input whose shape it keeps; others override what differs."""

    entering = 1  # how many inputs it has

    def outputs(self, *inputs: Shape) -> Shape:
        """The input's shape."""
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """None."""
        return {}

    def statistics(self, *inputs: Shape) -> dict[str, Shape]:
        """None."""
        return {}

    def initial(self, stream: Stream, *inputs: Shape) -> list[np.ndarray]:
        """None."""
        return []

    def fitted(self, shapes: Mapping[str, Shape]) -> Any:
        """Itself: it has no widths."""
        return self

    def operations(self, *inputs: Shape) -> int:
        """None."""
        return 0

    def backward(self, saved: Any, g: Any, wanted: Sequence[bool], into: Sequence[Any] = ()) -> Backward:
        """The gradients of the exact function that ``forward`` applied (`applied`)."""
        function, rest = saved
        dx, *gradients = function.backward(rest, g, wanted[0])
        return (dx,), gradients

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> Any:
        """The weights: places have nothing to do with one another."""
        return weights

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """Nothing."""

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """As a sequence of one place."""
        return self.forward(run, kept, None, *x)[0]  # type: ignore[attr-defined]


def check_at_least(least: int, **numbers: int) -> None:
    """Raise BadData for one that is no integer, or below ``least``."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise BadData(f"{name} is {number!r}; give an integer of {least} or more")


def applied(function: Any, *inputs: Any) -> tuple[Any, Any]:
    """The value of an exact function, and what `Plain.backward` needs."""
    value, saved = function.forward(*inputs)
    return value, (function, saved)


def scaled_normals(shape: Shape, fan_in: int, gain: float, stream: Stream) -> np.ndarray:
    """N(0, gain^2 / fan_in), float32."""
    return stream.normals(shape) * np.float32(gain * float(np.sqrt(1.0 / fan_in)))
