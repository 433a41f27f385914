"""What encoding and decoding the values give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mdlcodec.nn.weights import Weights
    from mdlcodec.nn.zoo import Architecture


@dataclass(frozen=True)
class Encoded:
    """A payload, and the ideal codelength of the same labels: -sum log2 p, in bits.

    ``training_error``: the share of these labels that a transmitted network takes for another class; None where
    no network is transmitted. ``objective_bits``: KL + expected loss when variational training ended (equation
    3.2 there); None for other codes. ``learned_in_vain``: a network was trained, and none is transmitted.
    """

    payload: bytes
    ideal_bits: float
    training_error: float | None = None
    objective_bits: float | None = None
    learned_in_vain: bool = False


@dataclass(frozen=True)
class Decoded:
    """What a payload held: values (n,) as the target has them, and the network that it transmits, if it does.

    ``answers``: the class that the network takes each example for, int64 (n,); None where it predicts none.
    """

    values: np.ndarray
    network: tuple[Architecture, Weights] | None = None
    answers: np.ndarray | None = None
