"""What changes weights before they are packed, where it is asked for: pruning, codebooks, uniform steps.

Weights are the floating-point tensors of two axes or more. All else (biases, statistics, integers) stays
as it is. Done by whoever packs; nothing of it is repeated by whoever unpacks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.tensor import DType, Tensor, values_of_bytes
from mdlcodec.errors import BadData
from mdlcodec.sender.by_layer import by_tensor, pairs
from mdlcodec.sender.k_means import codebook

HIGHEST_BITS = 16
_LARGEST = float(np.finfo(np.float64).max)
_LARGEST_BFLOAT16 = float.fromhex("0x1.fep127")


@dataclass(frozen=True)
class Lossy:
    """``prune``: the fraction of each tensor that becomes zero; ``bits``: of a codebook's indices; ``step``.

    ``prune`` and ``bits`` may be one number for each layer: see `mdlcodec.sender.by_layer`.
    """

    prune: float | Mapping[str, float] | tuple[tuple[str, float], ...] | None = None
    bits: int | Mapping[str, int] | tuple[tuple[str, int], ...] | None = None
    step: float | None = None

    def __post_init__(self) -> None:
        """Raise BadData for what cannot be meant."""
        for _, share in pairs(self.prune) if self.prune is not None else ():
            if not 0 <= share <= 1:
                raise BadData(f"--prune {share} is no fraction; choose one from 0 to 1")
        for _, bits in pairs(self.bits) if self.bits is not None else ():
            if not 1 <= bits <= HIGHEST_BITS:
                raise BadData(f"--bits {bits} is out of range; choose 1 to {HIGHEST_BITS}")
        if self.step is not None and not (0 < self.step < math.inf):
            raise BadData(f"--step {self.step} is no step; choose a number above 0")
        if self.bits is not None and self.step is not None:
            raise BadData("--bits and --step both say which values there are; choose one")

    @property
    def asked_for(self) -> bool:
        """Whether anything changes at all."""
        return (self.prune, self.bits, self.step) != (None, None, None)

    def of_each(self, names: Sequence[str]) -> dict[str, Lossy]:
        """What is asked for of each tensor. Raises BadData for a layer that there is not."""
        shares = {} if self.prune is None else by_tensor(self.prune, names, "--prune")
        bits = {} if self.bits is None else by_tensor(self.bits, names, "--bits")
        return {name: Lossy(shares.get(name), bits.get(name), self.step) for name in names}


@dataclass(frozen=True)
class Change:
    """What became of one tensor: absolute errors of its elements, and how many were zeroed."""

    name: str
    largest_error: float
    root_mean_square_error: float
    zeroed: int
    nonzeros: int  # that are left


def change(tensors: Sequence[Tensor], lossy: Lossy) -> tuple[list[Tensor], list[Change], list[str]]:
    """The tensors changed, what became of each that could be, and the names of those kept as they are.

    Raises BadData for weights that are not finite, and for steps that their type cannot hold.
    """
    if not lossy.asked_for:
        return list(tensors), [], []
    changed, changes, kept = [], [], []
    each = lossy.of_each([tensor.name for tensor in tensors if _may_change(tensor)])
    for tensor in tensors:
        own = each.get(tensor.name)
        if own is None or not own.asked_for or not _may_change(tensor):
            changed.append(tensor)
            kept.append(tensor.name)
            continue
        before = tensor.array()
        if not np.isfinite(before).all():
            raise BadData(
                f"tensor {quoted(tensor.name)} holds NaN or infinite values, which cannot be pruned or "
                "quantised; repair it, or pack it as it is, without --prune, --bits and --step"
            )
        after = _tensor_of(tensor, _changed(tensor, before, own))
        changed.append(after)
        changes.append(_compare(tensor.name, before, after.array()))
    return changed, changes, kept


def unsigned_zeros(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors with 0.0 for every -0.0, nothing else changed."""
    return [
        Tensor(
            tensor.name, tensor.dtype, np.where(tensor.dtype.nonzero(tensor.patterns), tensor.patterns, zero)
        )
        for tensor in tensors
        for zero in [tensor.patterns.dtype.type(0)]
    ]


def zero_signs(tensors: Sequence[Tensor]) -> int:
    """How many elements are -0.0."""
    return sum(
        int(np.count_nonzero((tensor.patterns != 0) & ~tensor.dtype.nonzero(tensor.patterns)))
        for tensor in tensors
    )


def _may_change(tensor: Tensor) -> bool:
    """Whether it is a floating-point tensor of two axes or more."""
    return tensor.dtype.exponent_bits > 0 and len(tensor.shape) >= 2


def _changed(tensor: Tensor, values: np.ndarray, lossy: Lossy) -> np.ndarray:
    """As is asked for this tensor, in single numbers."""
    assert not isinstance(lossy.prune, Mapping | tuple)
    assert not isinstance(lossy.bits, Mapping | tuple)
    if lossy.prune is not None:
        values = pruned(values, lossy.prune)
    if lossy.bits is not None:
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        if not np.isfinite(single).all():
            raise BadData(f"tensor {quoted(tensor.name)} holds values beyond float32; choose --step for it")
        centres, indices = codebook(single, lossy.bits)
        values = centres[indices]
    if lossy.step is not None:
        step = float(rounded(np.array([lossy.step]), tensor.dtype)[0])
        if step == 0 or lossy.step > _largest(tensor.dtype):
            raise BadData(
                f"--step {lossy.step} is beyond {tensor.dtype.name}, the type of tensor {quoted(tensor.name)}; "
                "choose a step that it can hold"
            )
        values = stepped(values, step, _largest(tensor.dtype))
    return values


def pruned(values: np.ndarray, fraction: float) -> np.ndarray:
    """Values with ``fraction`` of them (rounded down) zero: those of least magnitude, the first of equals."""
    count = math.floor(fraction * values.size)
    result = values.flatten()
    result[np.argsort(np.abs(result), kind="stable")[:count]] = 0
    return result.reshape(values.shape)


def stepped(values: np.ndarray, step: float, largest: float = _LARGEST) -> np.ndarray:
    """The nearest multiples of the step, each rounded to float64 once, halves to even; +0 for both zeros.

    Multiples beyond ``largest`` become the next towards zero.
    """
    exact = values.astype(np.float64)
    rest = np.fmod(exact, step)  # exact, and so is what is above where it is the smaller of the two
    above = step - np.abs(rest)
    with np.errstate(over="ignore"):
        odd = np.abs(np.fmod(exact, 2 * step)) >= step
        further = exact + np.copysign(above, exact)
    away = (np.abs(rest) > above) | ((np.abs(rest) == above) & odd)
    return np.where(away & (np.abs(further) <= largest), further, exact - rest) + 0.0


def _tensor_of(tensor: Tensor, values: np.ndarray) -> Tensor:
    """The tensor with other values, rounded to its type; the largest that it has for those beyond."""
    if tensor.dtype.bits == 8:
        return Tensor(tensor.name, tensor.dtype, _nearest_bytes(values.astype(np.float64), tensor.dtype))
    result = rounded(values.astype(np.float64), tensor.dtype)
    if tensor.dtype.numpy is None:
        patterns = (np.asarray(result, np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return Tensor(tensor.name, tensor.dtype, patterns)
    return Tensor.of(tensor.name, result.astype(tensor.dtype.numpy))


def rounded(values: np.ndarray, dtype: DType) -> np.ndarray:
    """Finite float64 values, (...), rounded to the nearest that the type has (as float64; saturating)."""
    if dtype.bits == 8:
        return values_of_bytes(dtype)[_nearest_bytes(values, dtype)].astype(np.float64)
    clipped = values.clip(-_largest(dtype), _largest(dtype))
    if dtype.numpy is not None:
        return clipped.astype(dtype.numpy).astype(np.float64)
    # bfloat16 is the upper half of float32, halves to even
    patterns = clipped.astype(np.float32).view(np.uint32)
    patterns = patterns + (np.uint32(0x7FFF) + (patterns >> np.uint32(16) & np.uint32(1)))
    return (patterns & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def _nearest_bytes(values: np.ndarray, dtype: DType) -> np.ndarray:
    """The patterns, uint8, of finite values (...) in a floating-point type of eight bits; saturating."""
    held = values_of_bytes(dtype)[:128].astype(np.float64)  # ascending with the pattern
    held = held[np.isfinite(held)]
    sizes = np.abs(values).clip(0, held[-1])
    above = np.searchsorted(held, sizes)
    below = np.maximum(above - 1, 0)
    up, down = held[above] - sizes, sizes - held[below]
    nearest = np.where((up < down) | ((up == down) & (above % 2 == 0)), above, below)
    negative = np.signbit(values) & (dtype.negative_zero | (nearest > 0))
    return (nearest + 128 * negative).astype(np.uint8)


def _largest(dtype: DType) -> float:
    if dtype.bits == 8:
        held = values_of_bytes(dtype)
        return float(held[np.isfinite(held)].max())
    return _LARGEST_BFLOAT16 if dtype.numpy is None else float(np.finfo(dtype.numpy).max)


def _compare(name: str, before: np.ndarray, after: np.ndarray) -> Change:
    errors = np.abs(after.astype(np.float64) - before.astype(np.float64))
    largest = float(errors.max(initial=0))
    scaled = errors / largest if largest > 0 else errors  # squares of errors may be beyond float64
    nonzeros = int(np.count_nonzero(after))
    return Change(
        name=name,
        largest_error=largest,
        root_mean_square_error=float(np.sqrt(np.mean(scaled**2))) * (largest or 1.0) if errors.size else 0.0,
        zeroed=int(np.count_nonzero(before)) - nonzeros,
        nonzeros=nonzeros,
    )
