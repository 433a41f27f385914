"""Activations and sums of two. See `mdlcodec.exact.activation`."""

from typing import Any

import numpy as np
import torch

from mdlcodec.exact.device.elementary import copied_to, tanh
from mdlcodec.exact.gelu import COEFFICIENTS, LIMIT, SLOPES


class Rectify:
    """max(z, 0), with +0 for every z that is not positive."""

    @staticmethod
    def forward(z: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 of any shape -> the same shape."""
        y = torch.where(z > 0, z, 0.0)
        return y, y

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The gradient where y > 0."""
        return (torch.where(saved > 0, g, 0.0),)


def _polynomial(u: torch.Tensor, coefficients: tuple[np.float32, ...]) -> torch.Tensor:
    p = u * float(coefficients[-1]) + float(coefficients[-2])
    for coefficient in reversed(coefficients[:-2]):
        p = p * u + float(coefficient)
    return p


class Gelu:
    """x (1/2 + t p(t^2)), t = x within the limit; see `mdlcodec.exact.gelu`."""

    @staticmethod
    def forward(x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 of any shape -> the same shape."""
        t = _within(x)
        return x * (t * _polynomial(t * t, COEFFICIENTS) + 0.5), x

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The derivative of that formula."""
        t = _within(saved)
        u = t * t
        limit = float(LIMIT)
        inside = torch.where(saved < limit, saved > -limit, False)
        slope = torch.where(inside, _polynomial(u, SLOPES), 0.0)
        return (g * ((t * _polynomial(u, COEFFICIENTS) + 0.5) + saved * slope),)


def _within(x: torch.Tensor) -> torch.Tensor:
    limit = float(LIMIT)
    return torch.where(x > limit, limit, torch.where(x < -limit, -limit, x))


class Tanh:
    """The hyperbolic tangent, rounded once to float32."""

    @staticmethod
    def forward(z: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 of any shape -> the same shape."""
        y = tanh(z.double()).float()
        return y, y

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """f32(g * (1 - y * y)) in float64."""
        y = saved.double()
        return ((g.double() * (1.0 - y * y)).float(),)


class Add:
    """The sum of two arrays of one shape."""

    @staticmethod
    def forward(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """float32 of one shape."""
        return a + b, None

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The gradient itself for both, one tensor."""
        return (g, g)


class Dropout:
    """Keeps each value with probability ``keep`` / 65536 and multiplies it by float32(65536 / keep)."""

    @staticmethod
    def forward(x: torch.Tensor, words: np.ndarray, keep: int, first: int = 0) -> tuple[torch.Tensor, Any]:
        """float32 of any shape; words: numpy's uint64, (first + values of x) / 4 or more, lowest 16 bits first;
        see `mdlcodec.exact.activation.Dropout`."""
        numbers = words.astype("<u8").view("<u2")[first : first + x.numel()]
        mask = copied_to(x.device, numbers < keep).reshape(x.shape)
        saved = mask, float(np.float32(65536 / keep))
        return torch.where(mask, x * saved[1], 0.0), saved

    @staticmethod
    def backward(saved: Any, g: torch.Tensor, input_gradient: bool = True) -> tuple[torch.Tensor | None, ...]:
        """The same mask and factor."""
        mask, factor = saved
        return (torch.where(mask, g * factor, 0.0),)
