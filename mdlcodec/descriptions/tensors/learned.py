"""What the tensors of a section have taught so far, to coder and decoder alike."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mdlcodec.descriptions.tensors.positions import csr, significance, zero_signs
from mdlcodec.descriptions.tensors.values import mixed
from mdlcodec.errors import CorruptFile
from mdlcodec.mixing.logistic import Mixture

Slices = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Classes of the non-zeros of a tensor by its index on axis a, and on axis b."""
FARTHEST = 64  # tensors back that an encoder looks


@dataclass
class Learned:
    """The tools' banks, those of values by tool and bits of the head; the slices of the tensors so far."""

    significance: Mixture
    csr: npt.NDArray[np.uint32]
    zero_signs: npt.NDArray[np.uint32]
    values: dict[tuple[int, int], mixed.Bank] = field(default_factory=dict)
    slices: list[Slices] = field(default_factory=list)

    @classmethod
    def new(cls) -> Learned:
        """Before the first tensor."""
        return cls(significance.new_bank(), csr.new_bank(), zero_signs.new_bank())

    def for_positions(self) -> Learned:
        """A copy that a trial of positions may teach."""
        return dataclasses.replace(
            self,
            significance=self.significance.copied(),
            csr=self.csr.copy(),
            zero_signs=self.zero_signs.copy(),
        )

    def for_values(self) -> Learned:
        """A copy that a trial of values may teach."""
        return dataclasses.replace(self, values={kind: bank.copied() for kind, bank in self.values.items()})

    def linked(self, link: int, length: int) -> npt.NDArray[np.uint8]:
        """The classes that a link means, all 0 for link 0; CorruptFile if they are not there or not as many."""
        if link == 0:
            return np.zeros(length, np.uint8)
        back, axis = divmod(link - 1, 2)
        if back >= len(self.slices) or self.slices[-1 - back][axis].size != length:
            raise CorruptFile("damaged: a link to an axis that does not exist")
        return self.slices[-1 - back][axis]

    def link_to(self, length: int) -> int:
        """The link to the nearest tensor before with an axis of that length and more than one axis, else 0."""
        for back, slices in enumerate(reversed(self.slices[-FARTHEST:])):
            for axis in (0, 1):
                if slices[axis].size == length > 1 and slices[1].size > 1:
                    return 1 + 2 * back + axis
        return 0

    def remember(self, in_kernels: npt.NDArray[np.int64]) -> int:
        """Note the non-zeros of a tensor by kernel, int64 (a, b), for tensors that link to it; bytes that takes."""
        slices = (
            significance.link_classes(in_kernels.sum(1)),  # integers
            significance.link_classes(in_kernels.sum(0)),  # integers
        )
        self.slices.append(slices)
        return slices[0].nbytes + slices[1].nbytes

    def bank(self, tool: int, head_bits: int) -> mixed.Bank:
        """The bank of values of one kind."""
        kind = (min(tool, 1), head_bits)  # codebooks and steps learn together
        if kind not in self.values:
            self.values[kind] = mixed.new_bank(head_bits)
        return self.values[kind]
