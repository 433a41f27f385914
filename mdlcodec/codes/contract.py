"""What every code offers: encode, decode, and what decoding will cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.nets.predictor import Cost

# labels done, ideal bits of them so far
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Settings:
    """What a file's header says of how its labels were coded."""

    net: int  # number of the network in nets.PREDICTORS; 0 where the code has none
    preset: int  # 1..9
    seed: int


@dataclass(frozen=True)
class Encoded:
    """A payload, and the ideal codelength of the same labels: -sum log2 p, in bits."""

    payload: bytes
    ideal_bits: float


class Code(Protocol):
    """One of the codes; ``number`` is its id in the file (formats/labels.md)."""

    name: str
    number: int

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """Resolves names (`auto` too) to numbers; raises BadData for a network that does not fit."""

    def net_name(self, settings: Settings) -> str | None:
        """The network's name; None where the code has none. Raises Unsupported for an unknown number."""

    def cost(self, inputs: Inputs, k: int, settings: Settings) -> Cost:
        """What encoding or decoding will take; raises Unsupported for unknown numbers in settings."""

    def encode(
        self, classes: np.ndarray, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> Encoded:
        """classes int32 (n,), each in 0..k-1."""

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """The classes, int32 (n,); any payload gives some classes."""
