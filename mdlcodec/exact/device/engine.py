"""The engine of a device: convolutions as products of gathered patches. See `mdlcodec.exact.engines.Engine`."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from typing_extensions import override

from mdlcodec.exact.device.elementary import (
    copied_to,
    exponent_of,
    grid_exponents,
    largest_of,
    power_of_two,
    rounded,
    scaled,
    totals,
)
from mdlcodec.exact.device.products import Products
from mdlcodec.exact.engines.contract import Engine
from mdlcodec.exact.engines.strides import Residue, outputs_of, residues
from mdlcodec.exact.integers import (
    BITS,
    EXPONENT_LIMIT,
    GRADIENT_EXPONENT_LIMIT,
    INFINITY_BITS,
    LIMITS,
    Digits,
    not_finite,
)
from mdlcodec.exact.reduction import ALONE, Reduction

# values of patches gathered at once
_AT_ONCE = 1 << 25


def _block_exponents(largest: torch.Tensor, digits: int, clamp: int) -> torch.Tensor:
    """Exponents of blocks from their largest absolute values, float64 of any shape -> int64."""
    e = (BITS[digits] - exponent_of(largest)).clamp(-GRADIENT_EXPONENT_LIMIT, clamp)  # integers
    e = torch.where(rounded(largest * power_of_two(e)) > LIMITS[digits], e - 1, e)
    return torch.where(largest == 0.0, 0, e)


def _integers(x: torch.Tensor, exponents: torch.Tensor) -> torch.Tensor:
    """rint(x * 2^e), float32 and int64 that broadcast -> int16."""
    return rounded(x.double() * power_of_two(exponents)).to(torch.int16)


@dataclass(frozen=True)
class _Places:
    """Where patches lie: extents of a patch, where the first one begins, how many there are, steps between."""

    kernel: tuple[int, int]
    origin: tuple[int, int]
    size: tuple[int, int]
    stride: int = 1

    def patches(self, x: torch.Tensor) -> torch.Tensor:
        """im2col: integers (N, H, W, C) -> (N * H' * W', k * k' * C), zero outside the image."""
        beyond: list[int] = []
        for axis in (1, 0):
            end = self.origin[axis] + (self.size[axis] - 1) * self.stride + self.kernel[axis]
            beyond += [max(0, -self.origin[axis]), max(0, end - x.shape[1 + axis])]
        if any(beyond):
            x = torch.nn.functional.pad(x, (0, 0, *beyond))
        if max(self.origin) > 0:
            x = x[:, max(0, self.origin[0]) :, max(0, self.origin[1]) :]
        height, width = self.size
        if self.kernel == (1, 1):
            x = x[:, :: self.stride, :: self.stride][:, :height, :width]
            return x.reshape(-1, x.shape[3])
        for axis in (0, 1):
            x = x.unfold(1 + axis, self.kernel[axis], self.stride)
        x = x[:, :height, :width].permute(0, 1, 2, 4, 5, 3)
        return x.reshape(-1, self.kernel[0] * self.kernel[1] * x.shape[5])


@dataclass(frozen=True)
class _Saved:
    """What the backward pass needs of the forward pass."""

    images: torch.Tensor  # integers (N, H, W, C)
    exponents: torch.Tensor  # of the examples
    weights: torch.Tensor  # integers (O, k, k, C)
    weights_exponent: torch.Tensor
    padding: int
    digits: Digits
    stride: int


class DeviceEngine(Engine):
    """Arrays are tensors on one device.

    Whether all values were finite is known when something is read from the device: to look after every
    product would make the device wait each time.
    """

    def __init__(self, device: torch.device, products: Products, name: str = "cuda") -> None:
        self.name, self.device, self.products = name, device, products
        self.longest_sum = products.longest_sum
        self._finite = torch.ones((), dtype=torch.bool, device=device)

    def array(self, array: np.ndarray) -> torch.Tensor:
        """A numpy array as a tensor on the device."""
        return copied_to(self.device, array)

    def read(self, tensor: torch.Tensor) -> np.ndarray:
        """A tensor as a numpy array. Raises InexactComputation if a value that went into a product since the
        last reading was not finite."""
        if not self._finite.item():
            self._finite = torch.ones((), dtype=torch.bool, device=self.device)
            raise not_finite()
        return tensor.cpu().numpy()

    @staticmethod
    def _largest(x: torch.Tensor) -> torch.Tensor:
        """The largest |x| of each row, float32 (rows, m) -> float64 (rows,); infinite where one is no number."""
        if x.numel() == 0:
            return torch.zeros(x.shape[0], dtype=torch.float64, device=x.device)
        bits = (x.view(torch.int32) & 0x7FFFFFFF).amax(1).clamp(max=INFINITY_BITS)  # integers
        return bits.view(torch.float32).double()

    def _finite_of(self, largest: torch.Tensor) -> torch.Tensor:
        """The same magnitudes, float64 of any shape; remembers whether all are finite."""
        self._finite = self._finite & (largest < torch.inf).all()
        return largest

    def _one_block(self, x: torch.Tensor, digits: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Integers of x's shape and the exponent, a tensor of no axes."""
        largest = self._finite_of(self._largest(x.reshape(1, -1)))
        e = _block_exponents(largest[0], digits, EXPONENT_LIMIT)
        return _integers(x, e), e

    def _convolve(
        self, x: torch.Tensor, w: torch.Tensor, scales: torch.Tensor, places: _Places, digits: tuple[int, int]
    ) -> torch.Tensor:
        """x integers (N, H, W, C), w integers (O, k, k', C), scales float64 (N,) -> float32 (N, H', W', O)."""
        shape, out, matrix = (*places.size, len(w)), [], w.reshape(len(w), -1)
        step = max(1, _AT_ONCE // max(1, shape[0] * shape[1] * matrix.shape[1]))
        for start in range(0, len(x), step):
            images = x[start : start + step]
            sums = self.products.multiply(places.patches(images), matrix, digits)
            scale = scales[start : start + step, None, None, None]
            # + 0.0: no negative zero
            out.append((sums.reshape(len(images), *shape) * scale + 0.0).float())
        return out[0] if len(out) == 1 else torch.cat(out)

    @override
    def forward(
        self,
        x: torch.Tensor,
        w: torch.Tensor,
        bias: torch.Tensor,
        padding: int,
        digits: Digits,
        stride: int = 1,
    ) -> tuple[torch.Tensor, Any]:
        kernel = w.shape[1]
        height, width = (outputs_of(size, kernel, stride, padding) for size in x.shape[1:3])
        largest = self._finite_of(self._largest(x.reshape(x.shape[0], -1)))
        exponents = _block_exponents(largest, digits.activations, EXPONENT_LIMIT)
        images = _integers(x, exponents[:, None, None, None])
        weights, shared = self._one_block(w, digits.weights)
        scales = power_of_two(-(exponents + shared))
        places = _Places((kernel, kernel), (-padding, -padding), (height, width), stride)
        y = self._convolve(images, weights, scales, places, (digits.activations, digits.weights))
        return y + bias, _Saved(images, exponents, weights, shared, padding, digits, stride)

    @override
    def backward(
        self,
        saved: Any,
        g: torch.Tensor,
        input_gradient: bool,
        into: Any = None,
        reduction: Reduction = ALONE,
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        digits, outputs = saved.digits.gradients, g.shape[3]
        largest = self._largest(g.reshape(len(g), -1))
        # the examples' powers of two move into the gradient, exactly, before it is rounded
        weighted = largest * power_of_two(-saved.exponents)
        maxima = reduction.maximum(torch.stack((largest_of(largest), largest_of(weighted))))
        maxima = self._finite_of(maxima)
        dx = None
        if input_gradient:
            dx = self._input_gradient(saved, g, _block_exponents(maxima[0], digits, EXPONENT_LIMIT))
        e = _block_exponents(maxima[1], digits, GRADIENT_EXPONENT_LIMIT)
        sums = reduction.total(self._weight_sums(saved, g, e))
        dw = (sums * power_of_two(-e) + 0.0).float()
        grid = grid_exponents(maxima[0], reduction.examples(len(g)) * g.shape[1] * g.shape[2])
        db = scaled(reduction.total(totals(g.reshape(-1, outputs).double(), grid)), grid)
        return dx, dw, db.float()

    @override
    def columns(self, integers: np.ndarray) -> Any:
        return [copied_to(self.device, matrix).t() for matrix in integers]  # (K, N) -> (N, K)

    @override
    def multiply(self, rows: np.ndarray, columns: Any, scales: np.ndarray) -> np.ndarray:
        out = np.empty((*rows.shape[:2], columns[0].shape[0]), np.float32)
        for i, matrix in enumerate(columns):
            sums = self.products.multiply(copied_to(self.device, rows[i]), matrix, (2, 2))
            scale = copied_to(self.device, scales[i])[:, None]
            out[i] = (sums * scale + 0.0).float().cpu().numpy()  # + 0.0: no negative zero
        return out

    def _input_gradient(self, saved: Any, g: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
        """Convolutions of the gradient with flipped taps of the kernel, one for each residue of the stride."""
        stride, (n, height, width, channels) = saved.stride, saved.images.shape
        rows, columns = (
            residues(size, saved.weights.shape[1], stride, saved.padding) for size in (height, width)
        )
        integers, sizes = _integers(g, exponent), (saved.digits.gradients, saved.digits.weights)
        scales = power_of_two(-(exponent + saved.weights_exponent)).expand(n)

        def part(y: Residue, z: Residue, taps: torch.Tensor) -> torch.Tensor:
            places = _Places((y.length, z.length), (y.origin, z.origin), (y.count, z.count))
            flipped = taps.flip(1, 2).permute(3, 1, 2, 0)  # (C, k, k', O)
            return self._convolve(integers, flipped, scales, places, sizes)

        if stride == 1:
            return part(rows[0], columns[0], saved.weights)
        dx = torch.zeros((n, height, width, channels), dtype=torch.float32, device=g.device)
        for y, z in itertools.product(rows, columns):
            if y.length and z.length:
                there = dx[:, y.first :: stride, z.first :: stride]
                there.copy_(part(y, z, saved.weights[:, y.taps, z.taps]))
        return dx

    def _weight_sums(self, saved: Any, g: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
        """Exact sums of the weights' gradient, float64 (O, k, k, C)."""
        n, height, width, outputs = g.shape
        kernel, channels = saved.weights.shape[1], saved.weights.shape[3]
        rows = _integers(g, (exponent - saved.exponents)[:, None, None, None]).reshape(-1, outputs)
        total = torch.zeros((outputs, kernel * kernel * channels), dtype=torch.float64, device=g.device)
        origin = -saved.padding, -saved.padding
        places = _Places((kernel, kernel), origin, (height, width), saved.stride)
        step = max(1, _AT_ONCE // max(1, height * width * kernel * kernel * channels))
        for start in range(0, n, step):
            patches = places.patches(saved.images[start : start + step])
            part = rows[start * height * width : (start + step) * height * width]
            sizes = saved.digits.gradients, saved.digits.activations
            total = total + self.products.multiply(part.t(), patches.t(), sizes)
        return total.reshape(saved.weights.shape)
