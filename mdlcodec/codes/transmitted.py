"""What codes share that transmit a network first: a payload is the network, its calibration, and the labels.

How the network travels is the code's own; what both sides do with it is `network_labels`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from typing_extensions import override

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Code, Given, Prepared, Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.results import Decoded, Encoded, Learned
from mdlcodec.container.ids import NetId
from mdlcodec.data.targets import Reals, Target
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import Cost
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture, chosen_from, numbered, own_architecture

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs

# where a payload is shorter than this share of the uniform code's bits, something was learned for certain
_LEARNED = 0.9


class NetworkPayload(Protocol):
    """A payload taken apart: whatever names the network, then these two (see network_labels)."""

    @property
    def calibration(self) -> int:
        """One byte."""

    @property
    def labels(self) -> bytes:
        """The range coder's."""


@dataclass(frozen=True)
class Transmission:
    """What a sender is asked for: a network for values (n,), and their codes under it.

    Values are classes, int32, or the float32 that one output is to give for real numbers.
    """

    architecture: Architecture
    given: Given
    values: np.ndarray
    progress: Progress
    options: Options

    def trained(self, effort: float, method: Callable[..., Any], *more: Any) -> Any:
        """What a method of training finds, the options' own or this one, given a trainer and ``more``.

        A sender alone does it; progress and observers are told. Raises InexactComputation when training diverges.
        """
        from mdlcodec.exact.guard import sender_alone
        from mdlcodec.observe.progress import Told
        from mdlcodec.sender.loop import Trainer
        from mdlcodec.sender.task import Task

        given = self.given
        seed, features, progress = given.settings.seed, given.inputs.features, self.progress
        with sender_alone():
            task = (
                Task.of_reals(self.architecture, features, self.values, seed=seed, effort=effort)
                if isinstance(given.target, Reals)
                else Task.of(self.architecture, features, self.values, given.k, seed=seed, effort=effort)
            )
            told = Told(lambda text: progress(0, 0.0, text))
            trainer = Trainer(task, (told, *self.options.observers))
            return (self.options.method or method)(trainer, *more)


_Payload = TypeVar("_Payload", bound=NetworkPayload)


class TransmittedNetwork(Code, Generic[_Payload]):
    """Such a code: networks by name, payloads taken apart. What is its own is asked for by NetworkClasses."""

    networks: tuple[Architecture, ...]  # that `auto` takes the first of that takes the inputs
    keeps_statistics = True  # whether running statistics travel
    section: str  # what `list` calls all of a payload before the calibration

    @abstractmethod
    def parts(self, payload: bytes) -> _Payload:
        """The parts of a payload of more than one class. Raises CorruptFile."""

    @abstractmethod
    def read_weights(self, parts: _Payload, architecture: Architecture, given: Given) -> Weights:
        """The network's weights, checked for these inputs and classes. Raises CorruptFile."""

    @abstractmethod
    def cost_of(self, architecture: Architecture, given: Given, sending: Options | None) -> Cost:
        """What decoding takes, or ``sending`` with such options. Raises as Prepared.cost does."""

    @abstractmethod
    def encoded(self, transmission: Transmission) -> Encoded:
        """The payload of its classes. Raises as Prepared.encode does."""

    def network_file(self, transmission: Transmission) -> bytes:
        """The file of the network alone. Raises BadData for a code whose network has no file of its own."""
        raise BadData(
            f"--code {self.name} has no file of a network alone; choose --code two-part, two-part-raw or "
            "variational"
        )

    @override
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        architecture = chosen_from(self.networks, self.name, net, inputs.features.shape[1:])
        problem = self.problem_of(architecture)
        if problem is not None:
            raise BadData(
                f"--net {architecture.name} {problem}, which --code {self.name} does not transmit; choose another "
                "network, or --code two-part"
            )
        own = (architecture.name, architecture.version) if architecture.number == NetId.NAMED else None
        return Settings(net=architecture.number, preset=preset, seed=seed, own_net=own)

    def problem_of(self, architecture: Architecture) -> str | None:
        """What a network has that the code cannot transmit; None if nothing."""
        if architecture.has_statistics and not self.keeps_statistics:
            return "normalises by running statistics"
        return None

    def architecture(self, settings: Settings) -> Architecture:
        """The network that a header names. Raises Unsupported for one that is not known here."""
        own = settings.own_net
        architecture = numbered(self.name, settings.net) if own is None else own_architecture(*own)
        if self.problem_of(architecture) is not None:
            raise Unsupported(
                f"the file uses the network {architecture.name} with --code {self.name}, which this version does "
                "not know; upgrade mdlcodec"
            )
        return architecture

    @override
    def net_name(self, settings: Settings) -> str:
        return self.architecture(settings).name

    def _prepared(self, given: Given) -> Prepared:
        return NetworkClasses(self, given)

    def _sections(self, payload: bytes, target: Target) -> list[tuple[str, int]]:
        """Lengths and settings of the network are counted with it."""
        labels = self.parts(payload).labels
        return [
            (self.section, len(payload) - len(labels) - 1),
            ("calibration", 1),
            ("labels", len(labels)),
        ]

    def _network_section(self, payload: bytes) -> bytes:
        raise BadData(
            f"a file of --code {self.name} holds no network as tensors; give one of two-part or two-part-raw"
        )


class NetworkClasses(Prepared):
    """Classes under a network that is transmitted. See `mdlcodec.codes.contract.Prepared`."""

    def __init__(self, code: TransmittedNetwork[Any], given: Given) -> None:
        self._code, self._given = code, given
        self._architecture = code.architecture(given.settings)

    @property
    @override
    def cost(self) -> Cost:
        return self._code.cost_of(self._architecture, self._given, None)

    @override
    def sending_cost(self, options: Options = NO_OPTIONS) -> Cost:
        return self._code.cost_of(self._architecture, self._given, options)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        return self._code.encoded(Transmission(self._architecture, self._given, values, progress, options))

    @override
    def network_file(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> bytes:
        return self._code.network_file(
            Transmission(self._architecture, self._given, values, progress, options)
        )

    @override
    def network(self, payload: bytes) -> tuple[Architecture, Weights]:
        parts = self._code.parts(payload)
        return self._architecture, self._code.read_weights(parts, self._architecture, self._given)

    @override
    def learned(self, payload: bytes, values: np.ndarray, progress: Progress) -> Learned:
        parts = self._code.parts(payload)
        weights = self._code.read_weights(parts, self._architecture, self._given)
        return network_labels.LearnedNetwork(self._architecture, weights, parts.calibration, self._given.k)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        parts = self._code.parts(payload)
        weights = self._code.read_weights(parts, self._architecture, self._given)
        classes, answers = network_labels.decode_labels(
            self._architecture,
            weights,
            parts.calibration,
            parts.labels,
            self._given.k,
            self._given.inputs,
            progress,
        )
        return Decoded(classes, (self._architecture, weights), answers)


def unless_learned_in_vain(learned: Encoded, untrained: Callable[[], Encoded], n: int, k: int) -> Encoded:
    """What was found, or what n labels take under a network that costs nothing, whichever is shorter."""
    if 8 * len(learned.payload) <= _LEARNED * n * float(np.log2(k)):  # sender only
        return learned
    alone = replace(untrained(), learned_in_vain=True)
    return min(alone, learned, key=lambda encoded: len(encoded.payload))


def mistakes_of(encoded: Encoded, n: int) -> int | None:
    """How many of n labels the network takes for another class; None where there is none."""
    return None if encoded.training_error is None else round(encoded.training_error * n)


def without_labels(progress: Progress) -> Progress:
    """The same, of a trial: labels that it codes are no labels done."""

    def told(done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
        if stage:
            progress(0, 0.0, stage)

    return told
