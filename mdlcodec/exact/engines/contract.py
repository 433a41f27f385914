"""What every engine offers."""

from typing import Any, Protocol

from mdlcodec.exact.integers import Digits
from mdlcodec.exact.reduction import ALONE, Reduction


class Engine(Protocol):
    """The product of formats/arithmetic.md, section 2, as a convolution and its gradients.

    A linear layer is a convolution of images of one place. Arrays are numpy's; a device's engine has its
    tensors in their place.
    """

    name: str
    own_threads: bool = False  # its products share work between threads by `mdlcodec.exact.threads` only

    def forward(
        self, x: Any, w: Any, bias: Any, padding: int, digits: Digits, stride: int = 1
    ) -> tuple[Any, Any]:
        """x float32 (N, H, W, C), w float32 (O, k, k, C), bias float32 (O,), all contiguous -> float32
        (N, (H + 2p - k) div stride + 1, (W + 2p - k) div stride + 1, O), and what ``backward`` needs.

        The values are those that stride 1 has at every ``stride``-th place. Raises InexactComputation when a
        value is not finite.
        """

    def backward(
        self, saved: Any, g: Any, input_gradient: bool, into: Any = None, reduction: Reduction = ALONE
    ) -> tuple[Any | None, Any, Any]:
        """The gradient of the outputs, float32 (N, H', W', O), contiguous -> gradients of x (None unless
        ``input_gradient``), w and bias. Raises InexactComputation when a value is not finite.

        ``into``: arrays of w's and bias's shapes, contiguous, that the engine may write these gradients to and
        return, to save a copy.

        Three phases: the largest magnitudes, float64 (2,), of g and of g weighted by example; integer sums of
        the weights' gradient, float64 (O, k, k, C), and of the bias's on their grid, float64 (O,); one scaling
        and rounding. Where several processes share the batch, ``reduction`` puts the first and the second
        together, in that order; the gradient of x is that of this process's examples.
        """

    def columns(self, integers: Any) -> Any:
        """The right operands of `multiply`, laid out once: int16 (B, K, N) of two digits, K even, contiguous."""

    def multiply(self, rows: Any, columns: Any, scales: Any) -> Any:
        """Of B matrices each: int16 (B, M, K) of two digits, contiguous, what `columns` made of (B, K, N), and
        scales float64 (B, M), powers of two -> float32 (B, M, N) of f32(scale * sum + 0.0).

        Here arrays are numpy's whatever the engine: sums over a sequence are put together by the CPU.
        """
