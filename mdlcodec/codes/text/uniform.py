"""The uniform code of a text: its bytes as they are, eight bits each."""

from __future__ import annotations

from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.errors import CorruptFile
from mdlcodec.limits import Cost


class UniformText(TextCode):
    """Every byte is equally likely; nothing is learned."""

    name, number = "uniform", int(CodeId.UNIFORM)
    net, net_number = None, int(TextNetId.NONE)

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        return Cost(parameters=0, work=n, memory=n)

    @override
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        progress(len(text), 8.0 * len(text))
        return EncodedText(text, 8.0 * len(text))

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        if len(payload) != n:
            raise CorruptFile(f"damaged: {len(payload):,} bytes of a text of {n:,}")
        progress(n, 8.0 * n)
        return payload
