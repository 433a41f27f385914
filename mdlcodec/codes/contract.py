"""What every code offers: for given inputs and target, encoding, decoding, and what they will cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from typing_extensions import override

from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.results import Decoded, Encoded, EqualChances, Learned
from mdlcodec.container.ids import NetId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Classes, Reals, Target
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import Cost
from mdlcodec.saved import Saved

if TYPE_CHECKING:
    from mdlcodec.nn.weights import Weights
    from mdlcodec.nn.zoo import Architecture


class Progress(Protocol):
    """Is told labels done and ideal bits of them so far; before any label, also what is being done instead."""

    def __call__(self, done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
        """``stage``: a few words for people while no label is done; ``mistakes``: how many of the labels since the
        last call were not the most likely class before, None where that is not known."""


@dataclass(frozen=True)
class Settings:
    """What a file's header says of how its labels were coded."""

    net: int  # number of the network (container.ids.NetId), 0 where the code has none
    preset: int  # 1..9
    seed: int
    own_net: tuple[str, int] | None = None  # name and version, where the number is NetId.NAMED


class Checkpoint(Protocol):
    """Keeps the state of a run, so that the same run goes on from there when it was ended."""

    def load(self) -> Saved | None:
        """What was saved last; None if nothing was. Raises CorruptFile."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, saved: Saved) -> None:
        """Keeps a state in the place of the one before."""


@dataclass(frozen=True)
class Given:
    """What both sides hold before anything is coded: the inputs, what is known of the target, the settings; and
    where the state of the run is kept, if it is."""

    inputs: Inputs
    target: Target
    settings: Settings
    checkpoint: Checkpoint | None = None

    @property
    def n(self) -> int:
        """Number of values."""
        return self.inputs.n

    @property
    def k(self) -> int:
        """Number of classes, where the target is classes."""
        assert isinstance(self.target, Classes)
        return self.target.k

    @property
    def outputs(self) -> int:
        """Number of outputs of a network that predicts the values: a score for each class, or a real number."""
        return 1 if isinstance(self.target, Reals) else self.k


class Prepared(Protocol):
    """A code for certain inputs, target and settings: knows its cost, encodes and decodes. Nothing is allocated or
    computed before it is asked for."""

    @property
    def cost(self) -> Cost:
        """What decoding will take. Raises Unsupported for unknown numbers in settings, BadData for inputs that
        do not fit."""

    def sending_cost(self, options: Options = NO_OPTIONS) -> Cost:
        """What encoding will take: the same, where both sides do the same. Raises as ``cost`` does."""
        return self.cost

    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        """The payload of values (n,), as the target has them. Raises BadData for options that do not exist."""

    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        """What the payload holds; any payload gives some values, or CorruptFile."""

    def learned(self, payload: bytes, values: np.ndarray, progress: Progress) -> Learned:
        """What is known once values (n,) are: of a network that the payload transmits, else learned from them all,
        which takes as long as decoding. Raises BadData for real numbers."""
        raise BadData("what was learned can be asked about other examples where labels are classes only")

    def network(self, payload: bytes) -> tuple[Architecture, Weights] | None:
        """The network that a payload transmits; None where it has none. Raises CorruptFile."""
        return None

    def network_file(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> bytes:
        """The file of the network alone that ``encode`` would transmit for values (n,). Raises BadData where there
        is none."""
        raise BadData("this code transmits no network; choose --code two-part, two-part-raw or variational")


class NothingToCode(Prepared):
    """The values are known before they are coded: the payload is empty. See Prepared."""

    def __init__(self, given: Given) -> None:
        self._given = given

    @property
    @override
    def cost(self) -> Cost:
        return Cost(0, 0, 0)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        return Encoded(b"", 0.0)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        return Decoded(self._given.target.settled(self._given.n))

    @override
    def learned(self, payload: bytes, values: np.ndarray, progress: Progress) -> Learned:
        if isinstance(self._given.target, Reals):
            return super().learned(payload, values, progress)
        return EqualChances(1)


class Code(ABC):
    """One of the codes; ``number`` is its id in the file (formats/labels.md)."""

    name: str
    number: int
    options: frozenset[str] = frozenset()  # names of the Options that it takes
    takes_reals = False

    @abstractmethod
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        """Resolves names (`auto` too) to numbers; raises BadData for a network that does not fit."""

    @abstractmethod
    def net_name(self, settings: Settings) -> str | None:
        """The network's name; None where the code has none. Raises Unsupported for an unknown number."""

    @abstractmethod
    def _prepared(self, given: Given) -> Prepared:
        """See ``prepare``; there is something to code."""

    def check_no_network(self, settings: Settings) -> None:
        """Raise Unsupported where a header names a network, and the code has none to name."""
        if settings.net != NetId.NONE:
            raise Unsupported(
                f"the file uses network number {settings.net} with the {self.name} code, which this version does "
                "not know; upgrade mdlcodec"
            )

    def check_options(self, options: Options) -> None:  # noqa: B027  # most codes have none
        """Raises BadData for values of its options that do not exist, before anything is computed."""

    def check_target(self, target: Target) -> None:
        """Raises BadData for a target that the code does not have."""
        if isinstance(target, Reals) and not self.takes_reals:
            raise BadData(
                f"--code {self.name} codes classes, not reals; choose prequential, switching, two-part, "
                "two-part-raw or uniform, or --as classes"
            )

    def check_network(self, settings: Settings, target: Target) -> None:
        """Raises Unsupported for a header's network that does not predict such a target."""
        return

    def prepare(
        self, inputs: Inputs, target: Target, settings: Settings, checkpoint: Checkpoint | None = None
    ) -> Prepared:
        """The code for these: what encodes and decodes. Raises BadData for a target that it does not have.

        ``checkpoint``: kept by the codes that learn on both sides; the others take no notice of it.
        """
        self.check_target(target)
        given = Given(inputs, target, settings, checkpoint)
        return NothingToCode(given) if target.is_settled else self._prepared(given)

    def _sections(self, payload: bytes, target: Target) -> list[tuple[str, int]]:
        """See ``sections``; there is something to code."""
        return [("labels", len(payload))]

    def sections(self, payload: bytes, target: Target) -> list[tuple[str, int]]:
        """Names and sizes in bytes of the payload's parts, in order, adding up to it. Raises CorruptFile."""
        return [("labels", len(payload))] if target.is_settled else self._sections(payload, target)

    def _network_section(self, payload: bytes) -> bytes:
        """See ``network_section``; there is something to code."""
        raise BadData(f"a file of --code {self.name} holds no network; give one of two-part or two-part-raw")

    def network_section(self, payload: bytes, target: Target) -> bytes:
        """A payload's network, as formats/network.md has it. Raises BadData where there is none, CorruptFile."""
        if target.is_settled:
            raise BadData("a file of one class holds no network: there was nothing to learn")
        return self._network_section(payload)
