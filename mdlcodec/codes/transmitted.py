"""What codes share that transmit a network first: a payload is the network, its calibration, and the labels.

How the network travels is the code's own; what both sides do with it is `network_labels`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from mdlcodec.codes import network_labels
from mdlcodec.codes.contract import Encoded, Progress, Settings
from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture, chosen_from, numbered, own_architecture

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs

# where a payload is shorter than this share of the uniform code's bits, something was learned for certain
_LEARNED = 0.9


class Parts(Protocol):
    """A payload taken apart: whatever names the network, then these two (see network_labels)."""

    @property
    def calibration(self) -> int:
        """One byte."""

    @property
    def labels(self) -> bytes:
        """The range coder's."""


_Parts = TypeVar("_Parts", bound=Parts)


class TransmittedNetwork(ABC, Generic[_Parts]):
    """Such a code but for its encoding: networks by name, payloads taken apart, what the receiver does."""

    name: str
    networks: tuple[Architecture, ...]  # that `auto` takes the first of that takes the inputs
    keeps_statistics = True  # whether running statistics travel
    section: str  # what `list` calls all of a payload before the calibration

    @abstractmethod
    def parts(self, payload: bytes) -> _Parts:
        """Of a payload of more than one class. Raises CorruptFile."""

    @abstractmethod
    def read_weights(
        self, parts: _Parts, architecture: Architecture, k: int, inputs: Inputs, settings: Settings
    ) -> Weights:
        """The network's weights, checked for these inputs and classes. Raises CorruptFile."""

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """See Code.settings."""
        architecture = chosen_from(self.networks, self.name, net, inputs.features.shape[1:])
        if architecture.has_statistics and not self.keeps_statistics:
            raise BadData(
                f"--net {architecture.name} normalises by running statistics, which --code {self.name} does not "
                "transmit; choose another network, or --code two-part"
            )
        own = (architecture.name, architecture.version) if architecture.number == NetId.NAMED else None
        return Settings(net=architecture.number, preset=preset, seed=seed, own_net=own)

    def architecture(self, settings: Settings) -> Architecture:
        """The network that a header names. Raises Unsupported for one that is not known here."""
        if settings.own_net is not None:
            return own_architecture(*settings.own_net)
        return numbered(self.name, settings.net)

    def net_name(self, settings: Settings) -> str:
        """See Code.net_name."""
        return self.architecture(settings).name

    def sections(self, payload: bytes, k: int) -> list[tuple[str, int]]:
        """See Code.sections; lengths and settings of the network are counted with it."""
        if k == 1:
            return [("labels", len(payload))]
        labels = self.parts(payload).labels
        return [
            (self.section, len(payload) - len(labels) - 1),
            ("calibration", 1),
            ("labels", len(labels)),
        ]

    def weights(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings
    ) -> tuple[Architecture, Weights] | None:
        """The network of a payload; None where there is one class, and none was sent. Raises CorruptFile."""
        if k == 1:
            return None
        architecture = self.architecture(settings)
        return architecture, self.read_weights(self.parts(payload), architecture, k, inputs, settings)

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """See Code.decode."""
        if k == 1:
            return np.zeros(inputs.n, np.int32)
        architecture, parts = self.architecture(settings), self.parts(payload)
        weights = self.read_weights(parts, architecture, k, inputs, settings)
        return network_labels.decode_labels(
            architecture, weights, parts.calibration, parts.labels, k, inputs, progress
        )


def unless_learned_in_vain(found: Encoded, untrained: Callable[[], Encoded], n: int, k: int) -> Encoded:
    """What was found, or what n labels take under a network that costs nothing, whichever is shorter."""
    if 8 * len(found.payload) <= _LEARNED * n * float(np.log2(k)):  # sender only
        return found
    alone = replace(untrained(), learned_in_vain=True)
    return min(alone, found, key=lambda encoded: len(encoded.payload))


def without_labels(progress: Progress) -> Progress:
    """The same, of a trial: labels that it codes are no labels done."""

    def told(done: int, bits: float, stage: str = "", /) -> None:
        if stage:
            progress(0, 0.0, stage)

    return told
