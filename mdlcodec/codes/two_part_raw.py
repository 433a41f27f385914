"""The two-part code with the network as plain float32 (Blier & Ollivier 2018, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from typing_extensions import override

from mdlcodec.codes.options import Options
from mdlcodec.codes.two_part import TwoPartCode
from mdlcodec.container.ids import CodeId
from mdlcodec.data.tensor import Tensor
from mdlcodec.nn.zoo import Architecture

if TYPE_CHECKING:
    from mdlcodec.sender.float_network import Tensors
    from mdlcodec.sender.loop import Trainer


class RawTwoPartCode(TwoPartCode):
    """The network has its architecture's nominal widths, and is written as it was trained."""

    name = "two-part-raw"
    number: int = CodeId.TWO_PART_RAW
    options: frozenset[str] = frozenset()

    @override
    def method(self, options: Options) -> Callable[[Trainer], Tensors]:
        from mdlcodec.sender.dense import dense_network

        return dense_network

    def _section(self, tensors: list[Tensor]) -> bytes:
        from mdlcodec.descriptions.tensors.network_section import encode_network

        return encode_network(tensors, values="raw")

    def _training_steps(self, architecture: Architecture, n: int, preset: int, options: Options) -> int:
        from mdlcodec.sender.dense import number_of_steps
        from mdlcodec.sender.efforts import TWO_PART

        return number_of_steps(n, TWO_PART[preset])
