"""Layers: shapes, initial weights and application of the exact functions.

A layer keeps nothing: weights and running statistics live in the network's one flat vector, so that an
optimiser or a weight average is one pass over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.linear import Arithmetic, Convolution, Linear
from mdlcodec.exact.random import Stream

Shape = tuple[int, ...]  # of one example, without the batch


@dataclass
class Pass:
    """What a forward pass needs besides inputs and weights."""

    arithmetic: Arithmetic
    training: bool
    statistics: tuple[np.ndarray, ...] = ()  # of the layer being applied, float32 (2, C), changed in place
    batches: int = 0  # seen in training before this one
    noise: Stream | None = None  # words for dropout, in training only
    at_inputs: bool = True  # no product has been taken yet

    def next_arithmetic(self) -> Arithmetic:
        """The arithmetic of the next product: the first one has the inputs' digits."""
        first, self.at_inputs = self.at_inputs, False
        return replace(self.arithmetic, digits=INPUT_DIGITS) if first else self.arithmetic


def _applied(function: Any, *inputs: Any) -> tuple[Any, Any]:
    """The function's value, and what `Plain.backward` needs."""
    value, saved = function.forward(*inputs)
    return value, (function, saved)


class Layer(Protocol):
    """One step of a network. Arrays are of the kind that the arithmetic's functions take."""

    def shapes(self, inputs: Shape) -> list[Shape]:
        """Shapes of the weights."""

    def statistics(self, inputs: Shape) -> list[Shape]:
        """Shapes of the running statistics; they start at 0."""

    def outputs(self, inputs: Shape) -> Shape:
        """Shape of one example after the layer."""

    def initial(self, inputs: Shape, stream: Stream) -> list[np.ndarray]:
        """Initial weights, float32."""

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """float32 (N, *inputs) -> (N, *outputs), and what ``backward`` needs."""

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """Gradients of the inputs (may be None unless ``input_gradient``) and of the weights in order.

        ``into``: arrays that the weights' gradients may be written to, and are then returned.
        """


class Plain:
    """A layer of one exact function, without weights, that keeps the shape; others override what differs."""

    def shapes(self, inputs: Shape) -> list[Shape]:
        """No weights."""
        return []

    def statistics(self, inputs: Shape) -> list[Shape]:
        """No statistics."""
        return []

    def outputs(self, inputs: Shape) -> Shape:
        """The inputs' shape."""
        return inputs

    def initial(self, inputs: Shape, stream: Stream) -> list[np.ndarray]:
        """No weights."""
        return []

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """Gradients of the exact function that ``forward`` applied."""
        function, rest = saved
        gradients: tuple[np.ndarray | None, ...] = function.backward(rest, g, input_gradient)
        return gradients


def _scaled_normals(shape: Shape, fan_in: int, gain: float, stream: Stream) -> np.ndarray:
    return stream.normals(shape) * np.float32(gain * float(np.sqrt(1.0 / fan_in)))


@dataclass(frozen=True)
class FullyConnected(Plain):
    """y = x w^T + b; weights N(0, gain^2 / inputs), biases 0."""

    width: int
    gain: float = 1.4142135623730951

    def shapes(self, inputs: Shape) -> list[Shape]:
        """(width, inputs) and (width,)."""
        return [(self.width, inputs[0]), (self.width,)]

    def outputs(self, inputs: Shape) -> Shape:
        """(width,)."""
        return (self.width,)

    def initial(self, inputs: Shape, stream: Stream) -> list[np.ndarray]:
        """See the class."""
        weights = _scaled_normals((self.width, inputs[0]), inputs[0], self.gain, stream)
        return [weights, np.zeros(self.width, np.float32)]

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return Linear.forward(x, weights[0], weights[1], run.next_arithmetic())

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """See Layer.backward."""
        return Linear.backward(saved, g, input_gradient, into or None)


@dataclass(frozen=True)
class Convolve(Plain):
    """Convolution with an odd square kernel, stride 1 and zero padding that keeps the size."""

    channels: int
    kernel: int = 3
    gain: float = 1.4142135623730951

    def shapes(self, inputs: Shape) -> list[Shape]:
        """(channels, kernel, kernel, inputs' channels) and (channels,)."""
        return [(self.channels, self.kernel, self.kernel, inputs[2]), (self.channels,)]

    def outputs(self, inputs: Shape) -> Shape:
        """(H, W, channels)."""
        return (inputs[0], inputs[1], self.channels)

    def initial(self, inputs: Shape, stream: Stream) -> list[np.ndarray]:
        """Weights N(0, gain^2 / fan-in), biases 0."""
        shape = self.shapes(inputs)[0]
        fan_in = self.kernel * self.kernel * inputs[2]
        return [_scaled_normals(shape, fan_in, self.gain, stream), np.zeros(self.channels, np.float32)]

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return Convolution.forward(x, weights[0], weights[1], self.kernel // 2, run.next_arithmetic())

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """See Layer.backward."""
        return Convolution.backward(saved, g, input_gradient, into or None)


class Activate(Plain):
    """ReLU."""

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return _applied(run.arithmetic.functions.rectify, x)


@dataclass(frozen=True)
class Normalise(Plain):
    """Batch normalisation: by the batch in training, by running statistics in prediction.

    The newest batch enters the statistics with the larger of ``rate`` and 1 / (batches seen), so that the
    first batches are averaged plainly.
    """

    rate: float = 0.1

    def shapes(self, inputs: Shape) -> list[Shape]:
        """Gain and bias."""
        return [(inputs[-1],), (inputs[-1],)]

    def statistics(self, inputs: Shape) -> list[Shape]:
        """Mean and variance."""
        return [(2, inputs[-1])]

    def initial(self, inputs: Shape, stream: Stream) -> list[np.ndarray]:
        """Gain 1, bias 0."""
        return [np.ones(inputs[-1], np.float32), np.zeros(inputs[-1], np.float32)]

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        functions = run.arithmetic.functions
        if run.training:
            rate = max(self.rate, 1.0 / (run.batches + 1))
            return _applied(functions.batch_normalisation, x, weights[0], weights[1], run.statistics[0], rate)
        return functions.normalised(x, run.statistics[0], weights[0], weights[1]), None


class HalveByMaximum(Plain):
    """2x2 max pooling."""

    def outputs(self, inputs: Shape) -> Shape:
        """(H // 2, W // 2, C)."""
        return (inputs[0] // 2, inputs[1] // 2, inputs[2])

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return _applied(run.arithmetic.functions.max_pool, x)


class FoldPlaces(Plain):
    """Each 2x2 square of places becomes one place with four times the channels; for inputs alone."""

    def outputs(self, inputs: Shape) -> Shape:
        """(H / 2, W / 2, 4 C); H and W are even."""
        return (inputs[0] // 2, inputs[1] // 2, 4 * inputs[2])

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward. Channels: upper left, upper right, lower left, lower right."""
        n, height, width, channels = x.shape
        squares = x.reshape(n, height // 2, 2, width // 2, 2, channels)
        folded = run.arithmetic.functions.permuted(squares, (0, 1, 3, 2, 4, 5))
        return folded.reshape(n, height // 2, width // 2, 4 * channels), None

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """Inputs have no gradient."""
        return (None,)


class AverageOverPlaces(Plain):
    """Global average pooling."""

    def outputs(self, inputs: Shape) -> Shape:
        """(C,)."""
        return (inputs[2],)

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return _applied(run.arithmetic.functions.global_average, x)


class Flatten(Plain):
    """Rows, columns, channels in that order."""

    def outputs(self, inputs: Shape) -> Shape:
        """One axis."""
        size = 1
        for extent in inputs:
            size *= extent
        return (size,)

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        return x.reshape(x.shape[0], -1), x.shape  # (N, H, W, C) -> (N, H * W * C)

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """The same values in the inputs' shape."""
        return (g.reshape(saved),)


@dataclass(frozen=True)
class Drop(Plain):
    """Dropout: keeps each value with probability keep / 65536 in training."""

    keep: int

    def forward(self, x: np.ndarray, weights: list[np.ndarray], run: Pass) -> tuple[np.ndarray, Any]:
        """See Layer.forward."""
        if not run.training or self.keep == 65536:
            return x, None
        assert run.noise is not None
        words = run.noise.words((x.reshape(-1).shape[0] + 3) // 4)
        return _applied(run.arithmetic.functions.dropout, x, words, self.keep)

    def backward(
        self, saved: Any, g: np.ndarray, input_gradient: bool, into: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray | None, ...]:
        """See Layer.backward."""
        return (g,) if saved is None else super().backward(saved, g, input_gradient)
