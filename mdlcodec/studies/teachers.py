"""Numbers that a random network, the teacher, gives: drawn exactly, the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mdlcodec.container.ids import Purpose
from mdlcodec.errors import BadData
from mdlcodec.exact.random import Stream
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.weights import Weights
from mdlcodec.nn.zoo import Architecture, architecture_named

# numbers of streams: none of those that learners of the same seed have
_WEIGHTS, _INPUTS, _NOISE = 1000, 2000, 3000
_GAINS = (2.0, 2.0, 1.0)  # of the first layer, of those between, of the last
_SPREAD = 0.8  # deviation of what a teacher gives, or nearly
_LOOKED_AT = 4096  # inputs by which it is found
STEP_BITS = 8  # targets are multiples of 2^-8


@dataclass(frozen=True, eq=False)
class Teacher:
    """A fully connected network with tanh, and the noise that is added to what it gives."""

    architecture: Architecture
    weights: Weights
    sigma: float
    seed: int

    @property
    def nonzeros(self) -> int:
        """Its weights and biases."""
        return sum(int(np.count_nonzero(array)) for array in self.weights.values())

    def examples(self, n: int, part: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Inputs float32 (n, d), uniform in -1..1, and targets float64 (n,), multiples of 2^-8; the first
        examples of more are the same. ``part``: 0 to train on, 1 to test on."""
        d = next(iter(self.weights.values())).shape[1]
        x = _uniform(Stream(self.seed, Purpose.INITIAL, _INPUTS + part), (n, d))
        noise = Stream(self.seed, Purpose.INITIAL, _NOISE + part).normals((n,)).astype(np.float64)
        given = exact_outputs(self.architecture, self.weights, x)[:, 0].astype(np.float64)
        steps = np.rint((given + self.sigma * noise) * 2.0**STEP_BITS) + 0.0  # a multiple has no -0.0
        return x, steps / 2.0**STEP_BITS


def teacher_of(sizes: tuple[int, ...], sigma: float, seed: int) -> Teacher:
    """A teacher with layers of these sizes, inputs first and one output last. Raises BadData for sizes of no such
    network."""
    if len(sizes) < 2 or sizes[-1] != 1 or min(sizes) < 1 or max(sizes) > 10_000:
        raise BadData(f"a teacher has sizes like 2,5,8,1, with one output, not {','.join(map(str, sizes))}")
    architecture = network_named(sizes)
    weights: dict[str, np.ndarray] = {}
    stream = Stream(seed, Purpose.INITIAL, _WEIGHTS)
    pairs = list(pairwise(sizes))
    for number, (entering, leaving) in enumerate(pairs):
        gain = _GAINS[0] if number == 0 else _GAINS[2] if number == len(pairs) - 1 else _GAINS[1]
        drawn = stream.normals((leaving, entering)) * np.float32(gain / math.sqrt(entering))
        weights[f"fc{number + 1}.weight"] = drawn.astype(np.float32)
        weights[f"fc{number + 1}.bias"] = stream.normals((leaving,)) * np.float32(0.5)
    teacher = Teacher(architecture, weights, sigma, seed)
    x = _uniform(Stream(seed, Purpose.INITIAL, _INPUTS + 2), (_LOOKED_AT, sizes[0]))
    given = exact_outputs(architecture, weights, x)[:, 0].astype(np.float64).tolist()
    mean = math.fsum(given) / len(given)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in given) / len(given))
    # in steps of an eighth, so that no rounding of the last digits changes the teacher
    factor = np.float32(2.0 ** (round(8 * math.log2(_SPREAD / max(spread, 1e-6))) / 8))
    last = f"fc{len(pairs)}"
    weights[f"{last}.weight"] = weights[f"{last}.weight"] * factor
    weights[f"{last}.bias"] = (weights[f"{last}.bias"] - np.float32(mean)) * factor
    return teacher


def network_named(sizes: tuple[int, ...]) -> Architecture:
    """The network with layers of these sizes, and tanh between."""
    hidden = "-".join(map(str, sizes[1:-1]))
    if not hidden:
        raise BadData("a network of a teacher or a student has a hidden layer; give sizes like 2,5,8,1")
    return architecture_named(f"mlp-{hidden}-tanh")


def _uniform(stream: Stream, shape: tuple[int, int]) -> np.ndarray:
    """Multiples of 2^-23 in -1..1, float32."""
    words = stream.words(shape[0] * shape[1]) >> np.uint64(40)
    return ((words.astype(np.float64) - 2.0**23) / 2.0**23).astype(np.float32).reshape(shape)
