"""The uniform code: n log2 K bits (Blier & Ollivier 2018, equation 2.2)."""

import numpy as np

from mdlcodec.codes.contract import Encoded, Progress, Settings
from mdlcodec.data.dataset import Inputs
from mdlcodec.entropy import RangeDecoder, RangeEncoder, integer_frequencies
from mdlcodec.nets.predictor import Cost

_LABELS_AT_ONCE = 4096


def _frequencies(count: int, k: int) -> np.ndarray:
    return integer_frequencies(np.full((count, k), 1.0 / k))


class UniformCode:
    """Every class is equally likely; nothing is learned."""

    name = "uniform"
    number = 0

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """See Code.settings: there is no network and no choice."""
        return Settings(net=0, preset=preset, seed=0)

    def net_name(self, settings: Settings) -> None:
        """See Code.net_name."""
        return

    def cost(self, inputs: Inputs, k: int, settings: Settings) -> Cost:
        """See Code.cost."""
        return Cost(parameters=0, steps=0, memory=16 * k * _LABELS_AT_ONCE)

    def encode(
        self, classes: np.ndarray, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> Encoded:
        """See Code.encode."""
        encoder, bits = RangeEncoder(), float(np.log2(k))  # reported only
        for start in range(0, classes.size, _LABELS_AT_ONCE):
            block = classes[start : start + _LABELS_AT_ONCE]
            encoder.encode(block, _frequencies(block.size, k))
            progress(start + block.size, (start + block.size) * bits)
        return Encoded(encoder.finish(), classes.size * bits)

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """See Code.decode."""
        decoder, bits = RangeDecoder(payload), float(np.log2(k))  # reported only
        classes = np.empty(inputs.n, np.int32)
        for start in range(0, inputs.n, _LABELS_AT_ONCE):
            stop = min(start + _LABELS_AT_ONCE, inputs.n)
            classes[start:stop] = decoder.decode(_frequencies(stop - start, k))
            progress(stop, stop * bits)
        return classes
