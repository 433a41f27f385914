"""What encoding and decoding the values give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from typing_extensions import override

if TYPE_CHECKING:
    from mdlcodec.nn.weights import Weights
    from mdlcodec.nn.zoo import Architecture


class Learned(Protocol):
    """What is known at the end, asked about examples that are not coded."""

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each class, float64 (m, k), for features float32 (m, ...) made as the coded examples' are."""


@dataclass(frozen=True)
class EqualChances(Learned):
    """Nothing is known but the number of classes."""

    k: int

    @override
    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return np.full((len(features), self.k), 1.0 / self.k)


@dataclass(frozen=True)
class Encoded:
    """A payload, and the ideal codelength of the same labels: -sum log2 p, in bits.

    ``training_error``: the share of these labels that a transmitted network takes for another class; None where
    no network is transmitted. ``learned``: what was learned on the way from all labels, where both sides learn.
    ``objective_bits``: KL + expected loss when variational training ended (equation
    3.2 there); None for other codes. ``learned_in_vain``: a network was trained, and none is transmitted.
    """

    payload: bytes
    ideal_bits: float
    training_error: float | None = None
    objective_bits: float | None = None
    learned_in_vain: bool = False
    learned: Learned | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Decoded:
    """What a payload held: values (n,) as the target has them, and the network that it transmits, if it does.

    ``answers``: the class that the network takes each example for, int64 (n,); None where it predicts none.
    ``learned``: see Encoded.
    """

    values: np.ndarray
    network: tuple[Architecture, Weights] | None = None
    answers: np.ndarray | None = None
    learned: Learned | None = field(default=None, compare=False, repr=False)
