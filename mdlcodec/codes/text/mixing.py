"""The prequential code of a text under context mixing: each bit is coded as both sides, who know all before it,
expect it (formats/text.md, formats/mixing.md)."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.limits import Cost
from mdlcodec.mixing.text import TextDecoder, TextEncoder, memory_bytes, seconds_forecast

_SMALLEST, _LARGEST = 1 << 10, 1 << 15  # bytes between two reports
_A_SECOND = 56 * 10**9  # operations, as limits.DEFAULT_WORK counts an hour


def mixing_cost(level: int, n: int, network: bool = False) -> Cost:
    """Of mixing n bytes; ``network``: what one expects is mixed, too, but what that one takes is not counted."""
    seconds, memory = seconds_forecast(level, n), memory_bytes(level, n, network) + 3 * n
    return Cost(parameters=0, work=int(seconds * _A_SECOND), memory=memory)


class MixedText(TextCode):
    """Context mixing, in integers."""

    name, number = "prequential", int(CodeId.PREQUENTIAL)
    net, net_number = "mixing", int(TextNetId.MIXING)

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        return mixing_cost(settings.preset, n)

    @override
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        encoder, bits = TextEncoder(settings.preset, len(text)), 0.0
        for start, stop in _blocks(len(text)):
            bits += encoder.update(text[start:stop])
            progress(stop, bits)
        return EncodedText(encoder.finish(), bits)

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        decoder, parts = TextDecoder(settings.preset, n, payload), []
        for start, stop in _blocks(n):
            parts.append(decoder.take(stop - start))
            progress(stop, decoder.bits)
        return b"".join(parts)


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of blocks that grow with what is known, for progress and curves; no part of any format."""
    start = 0
    while start < n:
        stop = min(n, start + min(_LARGEST, max(_SMALLEST, start // 16)))  # integers
        yield start, stop
        start = stop
