"""The int16 engine itself: a convolution and its gradients from operands and products."""

import itertools
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import override

from mdlcodec.exact.elementary import power_of_two
from mdlcodec.exact.engines.contract import Engine
from mdlcodec.exact.engines.int16.batches import multiplied, panels_of
from mdlcodec.exact.engines.int16.microkernel import LANES, ROWS
from mdlcodec.exact.engines.int16.operands import (
    gradient_pairs,
    gradient_pairs_shared,
    pack,
    pack_flipped,
    pack_shared,
    pad,
    place_pairs,
    place_pairs_shared,
    split_panels,
    split_panels_shared,
    words,
)
from mdlcodec.exact.engines.int16.products import (
    LONGEST_SUM,
    WIDE,
    pair_products,
    pair_products_shared,
    patch_products,
    patch_products_shared,
    place_addresses,
    scaled_weights,
    short_products,
    short_products_shared,
)
from mdlcodec.exact.engines.int16.scratch import SCRATCH
from mdlcodec.exact.engines.strides import Residue, outputs_of, residues, zeros_around
from mdlcodec.exact.integers import (
    Digits,
    GradientExponents,
    gradient_exponents,
    product_scales,
    quantise_tensor,
    row_exponents,
    scale_sums,
)
from mdlcodec.exact.reduction import ALONE, Reduction
from mdlcodec.exact.sums import fixed_point_exponent, scaled
from mdlcodec.exact.threads import VALUE, in_parts, part_size

# two int16 in memory are an int32 pair: the first is the lower half
_LITTLE = sys.byteorder == "little"


@dataclass(frozen=True)
class _Saved:
    """What the backward pass needs of the forward pass."""

    images: np.ndarray  # padded integers (N, H + 2p, W + 2p, C or C + 1)
    exponents: np.ndarray  # of the examples
    weights: np.ndarray  # integers (O, k, k, C)
    weights_exponent: int
    padding: int
    digits: Digits
    stride: int


def _padded_shape(shape: tuple[int, ...], padding: int) -> tuple[int, ...]:
    n, height, width, channels = shape
    return (n, height + 2 * padding, width + 2 * padding, channels + channels % 2)


@lru_cache(maxsize=64)
def _pair_offsets(
    kernel: int,
    stride: int,
    channels: int,
    examples: int,
    height: int,
    padded_height: int,
    length: int,
    half: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Addresses of pairs of places (copies, examples * padded_height, length, channels): bytes to row (place,
    channel) of the weights' gradient, filled up to whole tiles, and from there to each pair of its terms; int64."""
    dy, dz, c = np.ogrid[:kernel, :kernel, :channels]
    copy, further = dz % (2 * stride), dz // (2 * stride)  # integers
    place = (copy * examples * padded_height + dy) * length + further  # integers
    rows = (4 * (place * channels + c)).reshape(-1)
    rows = np.concatenate([rows, np.full(-rows.size % ROWS, rows[-1])])
    line = np.arange(examples)[:, None] * padded_height + stride * np.arange(height)  # integers
    offsets = (4 * channels * (line.reshape(-1, 1) * length + np.arange(half))).reshape(-1)  # integers
    return rows, offsets


@lru_cache(maxsize=64)
def _patch_offsets(kernel: tuple[int, int], width: int, channels: int) -> np.ndarray:
    """Bytes from a place of padded images (.., width, channels) to each pair of its patch, int64."""
    places = np.arange(kernel[0])[:, None] * width + np.arange(kernel[1])  # integers
    return (2 * channels * places.reshape(-1, 1) + 4 * np.arange(channels // 2)).reshape(-1)  # integers


class _Places(NamedTuple):
    """Where patches begin in padded images: the first place, how many there are, the steps between them."""

    origin: tuple[int, int]
    size: tuple[int, int]
    stride: int = 1


@lru_cache(maxsize=64)
def _output_places(sides: tuple[int, int], kernel: int, stride: int, padding: int) -> _Places:
    """Of the outputs of images that have zeros around them."""
    height, width = (outputs_of(side, kernel, stride, padding) for side in sides)
    return _Places((0, 0), (height, width), stride)


@lru_cache(maxsize=64)
def _gradient_places(
    sides: tuple[int, int], kernel: int, stride: int, padding: int
) -> tuple[int, list[tuple[Residue, Residue, _Places]]]:
    """For the inputs' gradient: zeros around that of the outputs, and residues of rows and columns that taps of the
    kernel reach, with the places where their patches begin."""
    rows, columns = (residues(side, kernel, stride, padding) for side in sides)
    outputs = [outputs_of(side, kernel, stride, padding) for side in sides]
    around = max(
        zeros_around(side, size, kernel, stride, padding) for side, size in zip(sides, outputs, strict=True)
    )
    return around, [
        (y, z, _Places((around + y.origin, around + z.origin), (y.count, z.count)))
        for y, z in itertools.product(rows, columns)
        if y.length and z.length
    ]


def _convolved(
    images: np.ndarray,
    w: np.ndarray,
    flipped: bool,
    split: bool,
    scales: np.ndarray,
    bias: np.ndarray | None,
    places: _Places,
) -> np.ndarray:
    """Padded integers (N, H', W', C) and integer weights (O, k, k', C) -> float32 (N, H, W, O).

    ``flipped``: the other way round, (N, H', W', O) -> (N, H, W, C), as the inputs' gradient needs it.
    """
    n, _, padded_width, channels = images.shape
    outputs, kernel = w.shape[3 if flipped else 0], w.shape[1:3]
    offsets = _patch_offsets(kernel, padded_width, channels)
    out = np.empty((n, *places.size, outputs), np.float32)
    count = n * places.size[0] * places.size[1]
    addresses = SCRATCH.take("addresses", (count + ROWS,), np.int64)
    scale_of = SCRATCH.take("scales", (count + ROWS,), np.float64)
    place_addresses(images, scales, *places.origin, *places.size, places.stride, addresses, scale_of)
    wide = WIDE if split or outputs > LANES else LANES
    columns = LANES if split else wide
    panels = SCRATCH.take("panels", (-(-outputs // columns), offsets.size, wide), np.int32)
    if flipped:
        pack_flipped(w.reshape(w.shape[0], kernel[0] * kernel[1], -1), split, panels)
    else:
        even = w.shape[3] % 2 == 0 and _LITTLE
        by_place = w.reshape(outputs, kernel[0] * kernel[1], -1)  # (O, k * k', C)
        flat = w.reshape(outputs, -1).view(np.int32) if even else words(by_place)
        each = part_size(len(panels), 1, panels.size * VALUE)
        in_parts(pack, pack_shared, (flat, split, panels), len(panels), each)
    # the sum with -0.0 is the other term itself, a zero of either sign included
    added = np.full(panels.shape[0] * columns, -0.0, np.float32)
    if bias is not None:
        added[:outputs] = bias
    rows = out.reshape(count, outputs)

    arguments = addresses, offsets, panels, split, scale_of, added, rows
    in_parts(
        patch_products, patch_products_shared, arguments, count, part_size(count, ROWS, count * panels.size)
    )
    return out


class Int16Engine(Engine):
    """Tiles of int16 products added in int32. See `mdlcodec.exact.engines.Engine`."""

    name = "int16"
    own_threads = True

    @override
    def forward(
        self, x: np.ndarray, w: np.ndarray, bias: np.ndarray, padding: int, digits: Digits, stride: int = 1
    ) -> tuple[np.ndarray, Any]:
        places = _output_places(x.shape[1:3], w.shape[1], stride, padding)
        exponents = row_exponents(x.reshape(x.shape[0], -1), digits.activations)
        weights, weights_exponent = quantise_tensor(w, digits.weights)
        images = np.empty(_padded_shape(x.shape, padding), np.int16)
        pad(x, exponents, padding, images)
        scales = product_scales(exponents, weights_exponent)
        split = digits.activations == 2 and digits.weights == 2
        y = _convolved(images, weights, False, split, scales, bias, places)
        return y, _Saved(images, exponents, weights, weights_exponent, padding, digits, stride)

    @override
    def backward(
        self,
        saved: Any,
        g: np.ndarray,
        input_gradient: bool,
        into: Any = None,
        reduction: Reduction = ALONE,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        exponents = gradient_exponents(g, saved.exponents, saved.digits.gradients, reduction)
        dx = self._input_gradient(saved, g, exponents.block) if input_gradient else None
        dw = np.empty(saved.weights.shape, np.float32) if into is None else into[0]
        db = self._weight_gradient(saved, g, exponents, reduction, dw)
        db = scaled(reduction.total(db), exponents.largest, exponents.rows)
        return dx, dw, db.astype(np.float32)

    @override
    def columns(self, integers: np.ndarray) -> Any:
        return panels_of(integers), integers.shape[2]

    @override
    def multiply(self, rows: np.ndarray, columns: Any, scales: np.ndarray) -> np.ndarray:
        panels, count = columns
        return multiplied(rows, panels, count, scales)

    @staticmethod
    def _input_gradient(saved: Any, g: np.ndarray, exponent: int) -> np.ndarray:
        """Convolutions of the gradient with flipped taps of the kernel, one for each residue of the stride."""
        n, stride, sides = g.shape[0], saved.stride, saved.images.shape[1:3]
        height, width = sides[0] - 2 * saved.padding, sides[1] - 2 * saved.padding
        around, parts = _gradient_places((height, width), saved.weights.shape[1], stride, saved.padding)
        images = SCRATCH.take("gradient", _padded_shape(g.shape, around), np.int16)
        pad(g, np.full(n, exponent), around, images)
        split = saved.digits.gradients == 2 and saved.digits.weights == 2
        scales = np.empty(n, np.float64)
        scales[:] = power_of_two(-(exponent + saved.weights_exponent))
        if stride == 1:
            return _convolved(images, saved.weights, True, split, scales, None, parts[0][2])
        dx = np.zeros((n, height, width, saved.weights.shape[3]), np.float32)
        for y, z, places in parts:
            taps = np.ascontiguousarray(saved.weights[:, y.taps, z.taps])
            part = _convolved(images, taps, True, split, scales, None, places)
            dx[:, y.first :: stride, z.first :: stride] = part
        return dx

    @staticmethod
    def _weight_gradient(
        saved: Any, g: np.ndarray, exponents: GradientExponents, reduction: Reduction, dw: np.ndarray
    ) -> np.ndarray:
        """Writes the gradient of the weights to dw; returns the integer sums of that of the bias."""
        exponent = exponents.weighted
        outputs, kernel = saved.weights.shape[0], saved.weights.shape[1]
        examples, height, width = g.shape[:3]
        _, padded_height, padded_width, channels = saved.images.shape
        # a linear layer: examples stand for places
        across = padded_height == padded_width == kernel == 1
        if across:
            examples, width, padded_width = 1, examples, examples
        lines, half = examples * height, (width + 1) // 2
        split = saved.digits.gradients == 2 and saved.digits.activations == 2
        # where nobody else adds to them, sums that fit are scaled before they leave the registers
        short = across and half <= LONGEST_SUM and reduction is ALONE
        columns = -(-outputs // LANES) * LANES
        right = SCRATCH.take("right", (2 if split and not short else 1, lines, half, columns), np.int32)
        g_lines = g.reshape(lines, width, outputs)
        each = part_size(lines, 1, g.size * VALUE)
        sums = np.zeros((-(-lines // each), outputs), np.float64)
        grid = fixed_point_exponent(exponents.largest, exponents.rows)
        arguments = g_lines, saved.exponents, across, exponent, grid, each, right, sums
        in_parts(gradient_pairs, gradient_pairs_shared, arguments, lines, each)
        db = sums[0]
        for part in sums[1:]:
            db = db + part  # integers on the grid: exact in every order
        image_lines = saved.images.reshape(-1, padded_width, channels)
        stride = 1 if across else saved.stride
        length = half + (kernel - 1) // (2 * stride)
        copies = min(2 * stride, kernel)
        left = SCRATCH.take("left", (copies, image_lines.shape[0], length, channels), np.int32)
        count = image_lines.shape[0]
        each = part_size(count, 1, left.size * VALUE)
        in_parts(place_pairs, place_pairs_shared, (image_lines, stride, left), count, each)
        pairs = right.reshape(-1, lines * half, columns)
        if short:
            terms, flat = left[0], dw.reshape(outputs, -1)
            if split:
                panels = SCRATCH.take("digits", (-(-channels // LANES), half, WIDE), np.int32)
                each = part_size(len(panels), 1, 4 * left.size * VALUE)
                in_parts(split_panels, split_panels_shared, (left[0, 0], panels), len(panels), each)
                terms = panels
            scale, parts = power_of_two(-exponent), -(-flat.shape[1] // (LANES if split else WIDE))
            each = part_size(parts, 1, 2 * flat.size * half)
            operands = terms, split, pairs[0], scale, flat
            in_parts(short_products, short_products_shared, operands, parts, each)
            return db
        rows, offsets = _pair_offsets(kernel, stride, channels, examples, height, padded_height, length, half)
        tiles = rows.size // ROWS
        total = SCRATCH.take("total", (-(-outputs // WIDE), tiles, ROWS * WIDE), np.float64)
        total[:] = 0.0
        each = part_size(tiles, 1, 2 * rows.size * pairs.size)
        in_parts(pair_products, pair_products_shared, (left, rows, offsets, pairs, total), tiles, each)
        by_place = dw.reshape(outputs, kernel * kernel, -1)
        if reduction is ALONE:
            scaled_weights(total, exponent, channels, columns, by_place)
            return db
        integers = SCRATCH.take("sums", by_place.shape, np.float64)
        scaled_weights(total, 0, channels, columns, integers)
        whole = reduction.total(integers.reshape(dw.shape))
        scale_sums(whole.reshape(-1), exponent, dw.reshape(-1))
        return db
