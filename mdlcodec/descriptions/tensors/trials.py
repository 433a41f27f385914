"""What the encoder tries for a tensor: views, links and tools; the fewest bits win."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.learned import FARTHEST, Learned
from mdlcodec.descriptions.tensors.positions import CSR, DENSE, EMPTY, POSITION_TOOLS, SIGNIFICANCE
from mdlcodec.descriptions.tensors.tensor_coder import PositionChoice, Positions, TensorCoder, ValueChoice
from mdlcodec.descriptions.tensors.values import VALUE_TOOLS, codebook, fixed, raw
from mdlcodec.descriptions.tensors.values.plan import Patterns
from mdlcodec.descriptions.tensors.view import View
from mdlcodec.mixing.logistic import BitEncoder

_SMALL = 1 << 17  # elements up to which much is tried
_SPARSE = 16  # elements for each non-zero from which on more is tried than the likeliest
_KERNEL_SIDE = 11  # axes of kernels are shorter than axes of channels

Chosen = TypeVar("Chosen")


def position_choice(
    tensor: Tensor,
    shapes: Sequence[tuple[int, ...]],
    coder: BitEncoder,
    descriptions: Descriptions,
    learned: Learned,
    only: str | None,
) -> PositionChoice:
    """The smallest; ``shapes``: of the tensors before; ``only``: this tool, where there is a choice."""
    nonzeros = int(np.count_nonzero(tensor.dtype.nonzero(tensor.patterns)))
    if nonzeros == 0:
        return PositionChoice(EMPTY)
    views = _views(tensor.shape, shapes)
    if nonzeros == tensor.patterns.size:
        return PositionChoice(DENSE, views[0])
    many = tensor.patterns.size <= _SMALL // _SPARSE or _SPARSE * nonzeros <= tensor.patterns.size
    tried = []
    if only != POSITION_TOOLS[CSR]:
        for view in views if many else views[:1]:
            extents = view.extents(tensor.shape)
            links = (learned.link_to(extents[0]), learned.link_to(extents[1]))
            pairs = {links, (0, 0)} if many else {links}
            tried += [PositionChoice(SIGNIFICANCE, view, pair) for pair in sorted(pairs)]
    if only == POSITION_TOOLS[CSR] or (only is None and many):
        tried.append(PositionChoice(CSR))

    def take(trial: BitEncoder, choice: PositionChoice) -> None:
        copies = descriptions.copied(trial), learned.for_positions()
        TensorCoder(trial, *copies).positions(tensor.dtype, tensor.shape, tensor.patterns, choice)

    return _fewest(tried, coder, take)


def value_choice(
    tensor: Tensor,
    positions: Positions,
    values: Patterns,
    coder: BitEncoder,
    descriptions: Descriptions,
    learned: Learned,
    only: str | None,
) -> ValueChoice:
    """The smallest for the values (n,); ``only``: this tool, where it fits."""
    tried = []
    for number, tool in VALUE_TOOLS.items():
        if only not in (None, tool.NAME) or (number == fixed.NUMBER and only is None):
            continue
        header = tool.header_of(values, tensor.dtype)
        if header is not None:
            tried.append(ValueChoice(number, header))
    if only is None and values.size > _SMALL // 16:
        entries = [len(choice.header) for choice in tried if choice.tool == codebook.NUMBER]
        if entries and 16 * entries[0] < values.size:  # bits as they are cannot win
            tried = [choice for choice in tried if choice.tool != raw.NUMBER]
    if not tried:
        tried = [ValueChoice(raw.NUMBER, raw.header_of(values, tensor.dtype))]

    def take(trial: BitEncoder, choice: ValueChoice) -> None:
        tensor_coder = TensorCoder(trial, descriptions.copied(trial), learned.for_values())
        tool, plan = tensor_coder.plan(tensor.dtype, values.size, choice)
        tensor_coder.values(plan, tool, positions, values)

    return _fewest(tried, coder, take)


def _fewest(tried: Sequence[Chosen], coder: BitEncoder, take: Callable[[BitEncoder, Chosen], None]) -> Chosen:
    if len(tried) == 1:
        return tried[0]
    bits = []
    for choice in tried:
        trial = coder.copied()
        start = trial.bits
        take(trial, choice)
        bits.append(trial.bits - start)
    return tried[int(np.argmin(bits))]


def _views(shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> list[View]:
    """The likeliest first."""
    if len(shape) < 2:
        return [View()]
    orders = [0, 1] if len(shape) == 2 or not _kernels_first(shape) else [2, 3]
    views = [View(order) for order in orders]
    if len(shape) == 2:
        views += [View(order, *split) for order in (0, 2) for split in _splits(shape[1 - order // 2], shapes)]
    return views


def _kernels_first(shape: tuple[int, ...]) -> bool:
    """Whether the tensor looks like (h, w, in, out) and not like (out, in, h, w)."""
    return max(shape[:-2]) <= _KERNEL_SIDE < max(shape[-2:]) and max(shape[:-2]) < max(shape[-2:])


def _splits(inputs: int, shapes: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    """Heights and widths that a flattened input may have had: images, or maps of the convolution before."""
    channels = {1}
    for before in reversed(shapes[-FARTHEST:]):
        if len(before) >= 3:
            channels |= {before[0], before[-1]}
            break
    for channel in sorted(channels - {0}):
        side = math.isqrt(inputs // channel) if inputs % channel == 0 else 0
        if side > 1 and side * side * channel == inputs:
            yield side, side
