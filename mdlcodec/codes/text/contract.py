"""What every code of texts offers: for a text's length and settings its cost, encoding and decoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.errors import BadData
from mdlcodec.limits import Cost


@dataclass(frozen=True)
class EncodedText:
    """A payload, and the ideal codelength of the same text: -sum log2 p, in bits."""

    payload: bytes
    ideal_bits: float


class TextCode(ABC):
    """One of the codes with what it predicts bytes by; ``number`` and ``net_number`` are in the file
    (formats/text.md)."""

    name: str
    number: int
    net: str | None
    net_number: int
    is_quick = True  # or else takes hours for a megabyte
    options: frozenset[str] = frozenset()  # names of the Options that it takes
    is_trained_alone = (
        False  # whether a sender trains what the receiver is sent, for as long as its preset says
    )

    def settings(self, preset: int, seed: int) -> Settings:
        """What the file's header says; a seed is 0 where nothing is drawn at random."""
        return Settings(self.net_number, preset, 0)

    @abstractmethod
    def cost(self, n: int, settings: Settings) -> Cost:
        """What coding n bytes takes, on either side."""

    def sending_cost(self, n: int, settings: Settings, options: Options = NO_OPTIONS) -> Cost:
        """What encoding takes, where that is not what decoding does."""
        return self.cost(n, settings)

    def check_options(self, options: Options) -> None:  # noqa: B027  # most codes have none
        """Raises BadData for values of its options that do not exist, before anything is computed."""

    def sections(self, payload: bytes) -> list[tuple[str, int]]:
        """Names and sizes in bytes of the payload's parts, in order, adding up to it. Raises CorruptFile."""
        return [("text", len(payload))]

    def network_section(self, payload: bytes) -> bytes:
        """A payload's network, as formats/network.md has it. Raises BadData where there is none, CorruptFile."""
        raise BadData(f"a text file of --code {self.name} holds no network; give one of two-part")

    @abstractmethod
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        """The payload of a text; ``options`` are of those that it takes."""

    @abstractmethod
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        """The n bytes that a payload holds; any payload gives some bytes, or CorruptFile."""
