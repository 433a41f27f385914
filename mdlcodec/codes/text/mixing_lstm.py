"""The prequential code of a text under context mixing and LSTM cells: what the cells, learned on the way, expect of
a byte is one more input of the mixing (formats/mixing.md, "A network's distribution").

The sender, who knows the text, has the cells' predictions of a segment from the pass that learns from it; the
receiver makes them byte by byte.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.text.contract import EncodedText, TextCode
from mdlcodec.codes.text.mixing import mixing_cost
from mdlcodec.container.ids import CodeId, TextNetId
from mdlcodec.limits import Cost
from mdlcodec.mixing.softmax import frequencies_of
from mdlcodec.mixing.text import TextDecoder, TextEncoder, bit_sums


class MixedNetworkText(TextCode):
    """Context mixing with cells as one of its models."""

    name, number = "prequential", int(CodeId.PREQUENTIAL)
    net, net_number = "mixing-lstm", int(TextNetId.MIXING_LSTM)
    is_quick = False

    @override
    def cost(self, n: int, settings: Settings) -> Cost:
        from mdlcodec.predictors.text import MIXED, text_cost  # torch loads when a network learns

        mixing, learning = mixing_cost(settings.preset, n, network=True), text_cost(MIXED, n)
        work, memory = mixing.work + learning.work, mixing.memory + learning.memory
        return Cost(learning.parameters, work, memory)

    @override
    def encode(
        self, text: bytes, settings: Settings, progress: Progress, options: Options = NO_OPTIONS
    ) -> EncodedText:
        from mdlcodec.predictors.text import MIXED, Learner

        learner, bits = Learner(MIXED, len(text)), 0.0
        encoder = TextEncoder(settings.preset, len(text), network=True)
        learner.streams.place(text)
        for start, stop in learner.segments():
            scores = learner.learn(start, stop)[0]  # of the one stream: (bytes, 256)
            bits += encoder.update(text[start:stop], bit_sums(frequencies_of(scores)))
            progress(stop, bits)
        return EncodedText(encoder.finish(), bits)

    @override
    def decode(self, payload: bytes, n: int, settings: Settings, progress: Progress) -> bytes:
        from mdlcodec.predictors.text import MIXED, Learner

        learner = Learner(MIXED, n)
        decoder = TextDecoder(settings.preset, n, payload, network=True)
        for start, stop in learner.segments():
            steps, state = learner.begin(start, stop)
            for place in range(start, stop):
                scores = steps.step(state, learner.streams.known[:, place])
                byte = decoder.take(1, bit_sums(frequencies_of(scores)))
                learner.streams.known[0, place + 1] = np.frombuffer(byte, np.uint8)[0]
            learner.learn(start, stop)
            progress(stop, decoder.bits)
        return learner.streams.text()
