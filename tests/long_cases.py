"""Files whose payloads have 64 bytes and more, in which a wrong reading shows: tests/golden/good/long/NAME.mdl.

Half of each label can be learned, half of it cannot. Codes that transmit a network are given one, as in
two_part_cases.py, subspace_cases.py and variational_cases.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import subspace_cases
import two_part_cases
import variational_cases
from label_sets import blobs, images

import mdlcodec
from mdlcodec import data
from mdlcodec.descriptions.sampled_network import Sent, sampled_weights
from mdlcodec.descriptions.subspace.affine import STEPS, AffineSubspace
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import ARCHITECTURES

GOLDEN = Path(__file__).parent / "golden" / "good" / "long"


@dataclass(frozen=True)
class Learned:
    """Inputs and labels of a code without a network in its file; ``few``: see label_sets.SWITCHED."""

    x: np.ndarray
    y: np.ndarray
    code: str
    net: str = "auto"
    preset: int = 1
    few: int | None = None

    def encoded(self) -> bytes:
        """The file."""
        return mdlcodec.encode(
            self.x, self.y, code=self.code, net=self.net, preset=self.preset, target="classes"
        )


@dataclass(frozen=True)
class Transmitted:
    """The same of a code that transmits a network; ``cases``: the module that encodes it, ``given``: its case."""

    cases: Any
    given: Any

    @property
    def x(self) -> np.ndarray:
        """The inputs."""
        return self.given.x

    @property
    def y(self) -> np.ndarray:
        """The labels."""
        return self.given.y

    def encoded(self) -> bytes:
        """The file."""
        return self.cases.encoded(self.given)

    def recoded(self, blob: bytes) -> bytes:
        """The file again, its labels coded anew under the network that it holds."""
        return self.cases.recoded(self.given, blob)


def _scattered(n: int, k: int) -> np.ndarray:
    """Integers below k that nothing predicts."""
    return ((np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)).astype(
        np.int64
    ) % k


def _half(learnable: np.ndarray, k: int) -> np.ndarray:
    """Labels in 0..k-1, all of which occur, that agree with the learnable ones in half of all places."""
    n = len(learnable)
    y = np.where(_scattered(n, 2) == 1, learnable, _scattered(n, k))
    y[:k] = np.arange(k)
    return y


def _coloured(n: int, rows: int, columns: int) -> np.ndarray:
    pixels, _ = images(n, max(rows, columns))
    return np.stack([pixels, pixels[:, ::-1], pixels[:, :, ::-1] // 2], -1)[:, :rows, :columns]


def _two_part(code: str, net: str, x: np.ndarray, outputs: int, widths: tuple[int, ...]) -> Transmitted:
    features = data.from_arrays(x, None).inputs.features
    weights = two_part_cases.network(net, features.shape[1:], outputs, widths)
    for name, array in weights.items():
        if name.endswith("running_var") or (array.ndim == 1 and name.endswith("weight")):
            weights[name] = abs(array) + np.float32(0.5)
    answers = np.argmax(exact_outputs(ARCHITECTURES[net], weights, features), 1)
    return Transmitted(two_part_cases, two_part_cases.Case(code, net, x, weights, _half(answers, outputs)))


def _subspace(net: str, x: np.ndarray, outputs: int, dimension: int, step: int, seed: int) -> Transmitted:
    features, coordinates = data.from_arrays(x, None).inputs.features, Stream(seed, 7).normals((dimension,))
    coordinates = np.rint(20 * coordinates).astype(np.int64)
    subspace = AffineSubspace(ARCHITECTURES[net], features.shape[1:], outputs, seed, dimension)
    weights = subspace.weights(coordinates, float(STEPS[step]))
    answers = np.argmax(exact_outputs(ARCHITECTURES[net], weights, features), 1)
    y = _half(answers, outputs)
    return Transmitted(subspace_cases, subspace_cases.Case(net, seed, x, coordinates, step, y))


def _variational(net: str, x: np.ndarray, outputs: int, sent: Sent, seed: int) -> Transmitted:
    inputs = data.from_arrays(x, None).inputs
    weights = sampled_weights(sent, ARCHITECTURES[net], inputs.features.shape[1:], outputs, seed)
    answers = np.argmax(exact_outputs(ARCHITECTURES[net], weights, inputs.features), 1)
    y = _half(answers, outputs)
    return Transmitted(variational_cases, variational_cases.Case(net, seed, x, sent, y))


def _sent(bits: int, count: int, prior: bytes | float, seed: int) -> Sent:
    return Sent.of(bits, Stream(seed, 7).below(1 << bits, count).tolist(), prior)


# of each residual block the second convolution is as wide as what it is added to, the first one has one channel
_RESNET20 = (1, *(1, 1) * 3, *(1, 17) * 3, *(1, 49) * 3)


def _cases() -> dict[str, Callable[[], Learned | Transmitted]]:
    table, small, places = blobs(160, 11)[0], images(130, 6)[0], np.arange(160)
    y = places % 11 + 11 * _scattered(160, 5)
    corners = (places % 4 + 4 * _scattered(160, 8))[:130]
    coloured = _coloured(11, 20, 22)
    learned = {
        "uniform": Learned(table, _scattered(160, 13), "uniform"),
        "mlp": Learned(table[:150], y[:150], "prequential", "mlp"),
        "mlp of several": Learned(table[:13], (places % 7)[:13], "prequential", "mlp", 5),
        "kernel": Learned(table, y, "prequential", "kernel", 5),
        "kernel of images": Learned(small, corners, "prequential", "kernel", 3),
        "cnn": Learned(small, corners, "prequential", "cnn"),
        "large images in colour": Learned(coloured, (places % 4)[:11], "prequential", "cnn", 4),
        "large grey images": Learned(images(11, 20)[0], (places % 4)[:11], "prequential", "cnn", 6),
        "switching": Learned(table, y, "switching"),
        "switching, few": Learned(table, y, "switching", few=70),
        "switching of images": Learned(small, corners, "switching"),
    }
    cases: dict[str, Callable[[], Learned | Transmitted]] = {n: partial(_same, c) for n, c in learned.items()}
    bright, wide = images(190, 16)[0], blobs(200, 3)[0]
    return cases | {
        "two-part": partial(_two_part, "two-part", "lenet-300-100", wide, 12, (6, 5)),
        "two-part-raw": partial(_two_part, "two-part-raw", "lenet5", bright, 12, (2, 3, 4)),
        "two-part, resnet20": partial(_two_part, "two-part", "resnet20", _coloured(8, 9, 10), 3, _RESNET20),
        "two-part, vgg16": partial(_two_part, "two-part", "vgg16", images(6, 32)[0], 3, (2,) * 14),
        "subspace": partial(_subspace, "lenet-300-100", wide, 12, 90, 156, 153),
        "variational": partial(
            _variational, "narrow-mlp", wide, 12, _sent(13, 40, bytes([168, 150, 170, 149]), 3), 3
        ),
        "variational, one variance": partial(
            _variational, "narrow-convolution", images(190, 8)[0], 12, _sent(9, 30, 0.375, 4), 4
        ),
    }


def _same(case: Learned) -> Learned:
    return case


CASES = _cases()
