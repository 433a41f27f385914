"""The uniform code: n log2 K bits (Blier & Ollivier 2018, equation 2.2)."""

import numpy as np

from mdlcodec.codes.contract import NO_OPTIONS, Encoded, LabelsAlone, Options, Progress, Settings
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.entropy import RangeDecoder, RangeEncoder, integer_frequencies
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.limits import Cost

_ENTRIES_AT_ONCE = 1 << 20  # of the table of frequencies


def _labels_at_once(n: int, k: int) -> int:
    return max(1, min(n, _ENTRIES_AT_ONCE // k))


def _frequencies(count: int, k: int) -> np.ndarray:
    return integer_frequencies(np.full((count, k), 1.0 / k))


class UniformCode(LabelsAlone):
    """Every class is equally likely; nothing is learned."""

    name = "uniform"
    number: int = CodeId.UNIFORM

    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, k: int) -> Settings:
        """See Code.settings: there is no network to choose."""
        if net != "auto":
            raise BadData("--code uniform learns nothing; leave --net out")
        return Settings(net=0, preset=preset, seed=0)

    def net_name(self, settings: Settings) -> None:
        """See Code.net_name."""
        if settings.net != 0:
            raise Unsupported(
                f"the file uses network number {settings.net} with the uniform code, which this version does "
                "not know; upgrade mdlcodec"
            )

    def cost(self, inputs: Inputs, k: int, settings: Settings, *, sending: bool = False) -> Cost:
        """See Code.cost."""
        return Cost(parameters=0, steps=0, memory=16 * k * _labels_at_once(inputs.n, k))

    def encode(
        self,
        classes: np.ndarray,
        k: int,
        inputs: Inputs,
        settings: Settings,
        progress: Progress,
        options: Options = NO_OPTIONS,
    ) -> Encoded:
        """See Code.encode."""
        encoder, bits = RangeEncoder(), float(np.log2(k))  # reported only
        at_once = _labels_at_once(classes.size, k)
        for start in range(0, classes.size, at_once):
            block = classes[start : start + at_once]
            encoder.encode(block, _frequencies(block.size, k))
            progress(start + block.size, (start + block.size) * bits)
        return Encoded(encoder.finish(), classes.size * bits)

    def decode(
        self, payload: bytes, k: int, inputs: Inputs, settings: Settings, progress: Progress
    ) -> np.ndarray:
        """See Code.decode."""
        decoder, bits = RangeDecoder(payload), float(np.log2(k))  # reported only
        classes = np.empty(inputs.n, np.int32)
        at_once = _labels_at_once(inputs.n, k)
        for start in range(0, inputs.n, at_once):
            stop = min(start + at_once, inputs.n)
            classes[start:stop] = decoder.decode(_frequencies(stop - start, k))
            progress(stop, stop * bits)
        return classes
