"""What every code offers: encode, decode, and what decoding will cost."""

import numbers
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData
from mdlcodec.limits import Cost, integer

if TYPE_CHECKING:
    from mdlcodec.observe.contract import Observer


class Progress(Protocol):
    """Is told labels done and ideal bits of them so far; before any label, also what is being done instead."""

    def __call__(self, done: int, bits: float, stage: str = "", /) -> None:
        """``stage``: a few words for people while no label is done."""


@dataclass(frozen=True)
class Settings:
    """What a file's header says of how its labels were coded."""

    net: int  # number of the network (container.ids.NetId), 0 where the code has none
    preset: int  # 1..9
    seed: int
    own_net: tuple[str, int] | None = None  # name and version, where the number is NetId.NAMED


@dataclass(frozen=True)
class Options:
    """What only the sender chooses, and the file need not say; None for a code's own choice."""

    sparsify: str | None = None  # how the network that is transmitted becomes sparse
    bits: int | None = None  # of an index into the codebook of its weights
    dimension: int | None = None  # of the random subspace
    prior: float | None = None  # variance of the prior over weights
    observers: tuple["Observer", ...] = ()  # of the training of a network that is transmitted

    def given(self) -> list[str]:
        """Names of those that are not None."""
        names = [field.name for field in fields(self) if field.name != "observers"]
        return [name for name in names if getattr(self, name) is not None]

    def checked(self) -> "Options":
        """The same in the types above; raises BadData for what is of another. Codes check the values."""
        if not isinstance(self.sparsify, str | None):
            raise BadData(f"sparsify is of type {type(self.sparsify).__name__}; give its name as a string")
        if not isinstance(self.prior, numbers.Real | None):
            raise BadData(f"prior is of type {type(self.prior).__name__}; give a number")
        return Options(
            self.sparsify,
            None if self.bits is None else integer(self.bits, "bits"),
            None if self.dimension is None else integer(self.dimension, "dimension"),
            None if self.prior is None else float(self.prior),
            self.observers,
        )


NO_OPTIONS = Options()


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


class LabelsAlone:
    """What codes share that have no options, and whose payload is the coded labels alone."""

    options: frozenset[str] = frozenset()

    def sections(self, payload: bytes, k: int) -> list[tuple[str, int]]:
        """See Code.sections."""
        return [("labels", len(payload))]


class Code(Protocol):
    """One of the codes; ``number`` is its id in the file (formats/labels.md)."""

    name: str
    number: int
    options: frozenset[str]  # names of the Options that it takes

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """Resolves names (`auto` too) to numbers; raises BadData for a network that does not fit."""

    def net_name(self, settings: Settings) -> str | None:
        """The network's name; None where the code has none. Raises Unsupported for an unknown number."""

    def cost(self, inputs: Inputs, k: int, settings: Settings, *, sending: bool = False) -> Cost:
        """What decoding will take, or ``sending``: encoding. Raises Unsupported for unknown numbers in
        settings, BadData for inputs that do not fit."""

    def sections(self, payload: bytes, k: int) -> list[tuple[str, int]]:
        """Names and sizes in bytes of the payload's parts, in order, adding up to it. Raises CorruptFile."""

    def encode(
        self,
        classes: np.ndarray,
        k: int,
        inputs: Inputs,
        settings: Settings,
        progress: Progress,
        options: Options = NO_OPTIONS,
    ) -> Encoded:
        """classes int32 (n,), each in 0..k-1. Raises BadData for options that do not exist."""

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """The classes, int32 (n,); any payload gives some classes, or CorruptFile."""
