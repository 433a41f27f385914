"""The prequential code of a text by a network alone (formats/sequences.md, "Learning"): encode above decode.

Both sides run one schedule: a segment is predicted, coded and learned from. The sender, who knows the text, has the
predictions of a segment's places from the pass that learns from it; the receiver makes them place by place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.codes.text.segments import decode_segment, encode_segment
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.entropy import RangeDecoder, RangeEncoder
from mdlcodec.limits import Cost

if TYPE_CHECKING:  # torch loads when a network learns
    from mdlcodec.predictors.text import Learner


class LearnedText(TextCode):
    """A network over bytes, which both sides train from nothing."""

    name, number = "prequential", int(CodeId.PREQUENTIAL)
    is_quick = False

    def __init__(self, net: TextNetId) -> None:
        self._named = net.name.lower()
        self.net, self.net_number = self._named, int(net)

    @override
    def settings(self, preset: int, seed: int) -> Settings:
        return Settings(self.net_number, preset, seed)

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        from mdlcodec.predictors.text import recipe_for, text_cost

        return text_cost(recipe_for(self._named, settings.preset), n)

    @override
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        """Raises InexactComputation when training diverges."""
        learner, coder = self._learner(len(text), settings), RangeEncoder()
        streams, bits = learner.streams, 0.0
        streams.place(text)
        for start, stop in learner.segments():
            bits += encode_segment(coder, streams, start, stop, learner.learn(start, stop))
            progress(streams.before(stop), bits)
        return EncodedText(coder.finish(), bits)

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        """Raises CorruptFile for a payload that proves damaged, InexactComputation when training diverges."""
        learner, coder = self._learner(n, settings), RangeDecoder(payload)
        streams, bits = learner.streams, 0.0
        for start, stop in learner.segments():
            bits += decode_segment(coder, streams, start, stop, *learner.begin(start, stop))
            learner.learn(start, stop)
            progress(streams.before(stop), bits)
        return streams.text()

    def _learner(self, n: int, settings: Settings) -> Learner:
        from mdlcodec.predictors.text import Learner, recipe_for

        return Learner(recipe_for(self._named, settings.preset), n, settings.seed)
