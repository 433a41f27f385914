"""Theorem 4.1 of Zhou et al. 2018: what a network's description in bits says about its prior probability.

Every length here is one of bytes that exist. The prior is fixed before the data: pi(h) >= 2^-bits, for every
network that the code can say (formats/bounds.md, "What is paid").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mdlcodec.container.frame import unsigned

# the header of a label file has seven bits for the network's number (formats/labels.md)
ARCHITECTURE_BITS = 7.0


@dataclass(frozen=True)
class Description:
    """What is paid for a network: (what, bits), in order."""

    parts: tuple[tuple[str, float], ...]

    @property
    def bits(self) -> float:
        """All of it."""
        return math.fsum(bits for _, bits in self.parts)

    @property
    def nats(self) -> float:
        """All of it: KL(point mass at the network || prior) is at most this."""
        return self.bits * math.log(2.0)


def length_bits(size: int) -> float:
    """-log2 m(size): the length in bytes as the container writes integers, 8 bits for each 7 that it has.

    sum over all sizes of 2^-length_bits(size) <= 1, as for every self-delimiting code (Kraft).
    """
    return 8.0 * len(unsigned(size))


def description(section_bytes: int, others: tuple[tuple[str, float], ...] = ()) -> Description:
    """The description of a network whose section has so many bytes; ``others``: further things to pay."""
    return Description(
        (
            ("network section", 8.0 * section_bytes),
            ("length of the section", length_bits(section_bytes)),
            ("architecture", ARCHITECTURE_BITS),
            *others,
        )
    )


def modelled(model_bits: float, others: tuple[tuple[str, float], ...] = ()) -> Description:
    """The description of a network to which the decoder's model gives probability 2^-model_bits or more.

    The model is a distribution over networks by itself, so that no length is paid.
    """
    return Description((("network, equal lengths", model_bits), ("architecture", ARCHITECTURE_BITS), *others))
