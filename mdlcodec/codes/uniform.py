"""The uniform code: n log2 K bits (Blier & Ollivier 2018, equation 2.2)."""

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Code, Given, Prepared, Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.results import Decoded, Encoded, EqualChances, Learned
from mdlcodec.container.ids import CodeId
from mdlcodec.data.dataset import Inputs
from mdlcodec.data.targets import Reals, Target
from mdlcodec.entropy import RangeDecoder, RangeEncoder, integer_frequencies
from mdlcodec.errors import BadData
from mdlcodec.limits import Cost

_ENTRIES_AT_ONCE = 1 << 20  # of the table of frequencies
_FREQUENCY, _LABEL = 800, 3000  # operations


def _labels_at_once(n: int, k: int) -> int:
    return max(1, min(n, _ENTRIES_AT_ONCE // k))


def _frequencies(count: int, k: int) -> np.ndarray:
    return integer_frequencies(np.full((count, k), 1.0 / k))


class UniformCode(Code):
    """Every class is equally likely; nothing is learned."""

    name = "uniform"
    takes_reals = True
    number: int = CodeId.UNIFORM

    @override
    def settings(self, net: str, preset: int, seed: int, inputs: Inputs, target: Target) -> Settings:
        """There is no network to choose."""
        if net != "auto":
            raise BadData("--code uniform learns nothing; leave --net out")
        return Settings(net=0, preset=preset, seed=0)

    @override
    def net_name(self, settings: Settings) -> None:
        self.check_no_network(settings)

    def _prepared(self, given: Given) -> Prepared:
        if isinstance(given.target, Reals):
            from mdlcodec.codes.real_numbers import UniformReals

            return UniformReals(given)
        return UniformClasses(given)


class UniformClasses(Prepared):
    """Classes under equal probabilities."""

    def __init__(self, given: Given) -> None:
        self._n, self._k = given.n, given.k

    @property
    @override
    def cost(self) -> Cost:
        memory = 16 * self._k * _labels_at_once(self._n, self._k)
        return Cost(parameters=0, work=self._n * (_LABEL + _FREQUENCY * self._k), memory=memory)

    @override
    def encode(self, values: np.ndarray, progress: Progress, options: Options = NO_OPTIONS) -> Encoded:
        encoder, bits = RangeEncoder(), float(np.log2(self._k))  # reported only
        at_once = _labels_at_once(values.size, self._k)
        for start in range(0, values.size, at_once):
            block = values[start : start + at_once]
            encoder.encode(block, _frequencies(block.size, self._k))
            progress(start + block.size, (start + block.size) * bits, "", int(np.count_nonzero(block)))
        return Encoded(encoder.finish(), values.size * bits)

    @override
    def learned(self, payload: bytes, values: np.ndarray, progress: Progress) -> Learned:
        return EqualChances(self._k)

    @override
    def decode(self, payload: bytes, progress: Progress) -> Decoded:
        decoder, bits = RangeDecoder(payload), float(np.log2(self._k))  # reported only
        classes = np.empty(self._n, np.int32)
        at_once = _labels_at_once(self._n, self._k)
        for start in range(0, self._n, at_once):
            stop = min(start + at_once, self._n)
            classes[start:stop] = decoder.decode(_frequencies(stop - start, self._k))
            progress(stop, stop * bits)
        return Decoded(classes)
