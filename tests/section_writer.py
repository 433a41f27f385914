"""Network sections whose views, links and tools are chosen one by one, not by what is smallest."""

from __future__ import annotations

from dataclasses import dataclass

from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.learned import Learned
from mdlcodec.descriptions.tensors.tensor_coder import PositionChoice, TensorCoder, ValueChoice
from mdlcodec.descriptions.tensors.values import VALUE_TOOLS
from mdlcodec.mixing.logistic import BitEncoder

TOOLS = {tool.NAME: tool for tool in VALUE_TOOLS.values()}


@dataclass(frozen=True)
class Chosen:
    """A tensor, and how it is written; ``value``: a tool by name."""

    tensor: Tensor
    position: PositionChoice
    value: str = "raw"


class SectionWriter:
    """Writes a section part by part; its coder and descriptions are there for what no encoder writes."""

    def __init__(self, count: int) -> None:
        self.coder = BitEncoder()
        self.descriptions, self.learned = Descriptions(self.coder), Learned.new()
        self.tensor_coder = TensorCoder(self.coder, self.descriptions, self.learned)
        self.descriptions.integer(0, count)

    def describe(self, tensor: Tensor) -> None:
        """Name, element type and shape."""
        self.descriptions.name(tensor.name)
        self.descriptions.dtype(tensor.dtype)
        self.descriptions.shape(tensor.shape)

    def content(self, chosen: Chosen) -> None:
        """Positions and values."""
        tensor = chosen.tensor
        places = self.tensor_coder.positions(tensor.dtype, tensor.shape, tensor.patterns, chosen.position)
        if places.nonzeros:
            patterns, tool = places.view.of(tensor.patterns)[places.seen != 0], TOOLS[chosen.value]
            choice = ValueChoice(tool.NUMBER, tool.header_of(patterns, tensor.dtype))
            number, plan = self.tensor_coder.plan(tensor.dtype, patterns.size, choice)
            self.tensor_coder.values(plan, number, places, patterns)
        self.learned.remember(places.in_kernels)

    def finish(self) -> bytes:
        """The section."""
        return self.coder.finish()


def section_of(chosen: list[Chosen]) -> bytes:
    """The section of tensors as they are to be written."""
    writer = SectionWriter(len(chosen))
    for one in chosen:
        writer.describe(one.tensor)
        writer.content(one)
    return writer.finish()
