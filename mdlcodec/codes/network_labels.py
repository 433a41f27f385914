"""Labels under the predictions of a network that both sides hold.

Formats: formats/two_part.md, "Prediction" and "Calibration". What the codes share that transmit a network first,
however it travels: one byte of calibration, then the range coder's bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from mdlcodec.codes.contract import Progress
from mdlcodec.codes.results import Learned
from mdlcodec.entropy import PROBABILITY_BITS, RangeDecoder, RangeEncoder
from mdlcodec.limits import EXPONENTIAL, Cost
from mdlcodec.nn.zoo import Architecture

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs
    from mdlcodec.nn.weights import Weights

# examples predicted and coded at once, less with many classes
EXAMPLES_AT_ONCE = 4096
_ENTRIES_AT_ONCE = 1 << 22
# scores of all examples up to which they are kept between calibration and coding; of more, they are computed again
_ENTRIES_KEPT = 1 << 25
_ENTRY = 3 * EXPONENTIAL  # operations: a probability, its frequency, and coding with it
_ENTRY_SENDING = 50 * EXPONENTIAL  # under every temperature besides


@dataclass(frozen=True)
class CodedLabels:
    """Labels as they travel, and what is told of them.

    ``ideal_bits``: -sum log2 p of the labels; ``training_error``: share of them that the network takes for
    another class.
    """

    calibration: int  # see mdlcodec.mixing.temperature
    labels: bytes  # the range coder's
    ideal_bits: float
    training_error: float


def prediction_cost(architecture: Architecture, inputs: Inputs, k: int, *, sending: bool = False) -> Cost:
    """What predicting and coding the labels takes; ``sending``: with the calibration that is looked for.

    Raises BadData for inputs that do not fit.
    """
    from mdlcodec.nn.exact_prediction import outputs_memory
    from mdlcodec.nn.work import prediction_work

    shape = inputs.features.shape[1:]
    graph, entering = architecture.for_targets(shape, k)
    passes = 2 if sending and inputs.n * k > _ENTRIES_KEPT else 1
    work = passes * prediction_work(graph, entering, inputs.n)
    work += (_ENTRY_SENDING if sending else _ENTRY) * inputs.n * k
    memory = outputs_memory(architecture, shape, k, EXAMPLES_AT_ONCE)
    memory += 32 * min(inputs.n * k, _ENTRIES_AT_ONCE) + 4 * min(inputs.n * k, _ENTRIES_KEPT)
    return Cost(architecture.parameters(shape, k), work, memory)


def exact_scores(
    architecture: Architecture, weights: Weights, features: np.ndarray, k: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields (start, stop, scores float32 (stop - start, k)), exact."""
    from mdlcodec.nn.exact_prediction import ExactNetwork

    network = ExactNetwork(architecture, weights, features.shape[1:])
    step = max(1, min(EXAMPLES_AT_ONCE, _ENTRIES_AT_ONCE // k))
    for start in range(0, features.shape[0], step):
        stop = min(start + step, features.shape[0])
        yield start, stop, network.scores(features[start:stop])


def encode_labels(
    architecture: Architecture,
    weights: Weights,
    classes: np.ndarray,
    k: int,
    inputs: Inputs,
    progress: Progress,
) -> CodedLabels:
    """Labels int32 (n,) below k > 1 under these weights, float32, which fit the inputs.

    Raises InexactComputation for scores that are not finite.
    """
    from mdlcodec.mixing.temperature import best_calibration, frequencies

    wrong = 0
    kept: list[tuple[int, int, np.ndarray]] = []

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal wrong
        for start, stop, scores in exact_scores(architecture, weights, inputs.features, k):
            progress(0, 0.0, f"predicting, {stop:,} of {inputs.n:,} examples")
            wrong += int(np.count_nonzero(np.argmax(scores, 1) != classes[start:stop]))
            if inputs.n * k <= _ENTRIES_KEPT:
                kept.append((start, stop, scores))
            yield scores, classes[start:stop]

    calibration = best_calibration(blocks(), k)
    encoder, bits = RangeEncoder(), 0.0
    for start, stop, scores in kept or exact_scores(architecture, weights, inputs.features, k):
        labels = classes[start:stop]
        table = frequencies(scores, calibration)
        encoder.encode(labels, table)
        bits += _length(table, labels)
        progress(stop, bits, "", int(np.count_nonzero(np.argmax(table, 1) != labels)))
    return CodedLabels(calibration, encoder.finish(), bits, wrong / inputs.n)


def decode_labels(
    architecture: Architecture,
    weights: Weights,
    calibration: int,
    coded: bytes,
    k: int,
    inputs: Inputs,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """The labels, int32 (n,), that `encode_labels` coded, and the network's own answers, int64 (n,).

    Any bytes give some labels.
    """
    from mdlcodec.mixing.temperature import frequencies

    decoder, bits = RangeDecoder(coded), 0.0
    classes, answers = np.empty(inputs.n, np.int32), np.empty(inputs.n, np.int64)
    for start, stop, scores in exact_scores(architecture, weights, inputs.features, k):
        table = frequencies(scores, calibration)
        labels = decoder.decode(table)
        classes[start:stop], answers[start:stop] = labels, np.argmax(scores, 1)
        bits += _length(table, labels)
        progress(stop, bits)
    return classes, answers


@dataclass(frozen=True)
class LearnedNetwork(Learned):
    """A network that was transmitted, with its calibration."""

    architecture: Architecture
    weights: Weights
    calibration: int
    k: int

    @override
    def probabilities(self, features: np.ndarray) -> np.ndarray:
        from mdlcodec.mixing.temperature import frequencies

        blocks = exact_scores(self.architecture, self.weights, features, self.k)
        tables = [frequencies(scores, self.calibration) for _, _, scores in blocks]
        whole = np.concatenate([np.empty((0, self.k), np.uint32), *tables]).astype(np.float64)
        return whole / (1 << PROBABILITY_BITS)


def _length(table: np.ndarray, labels: np.ndarray) -> float:
    """Bits of labels (m,) under integer frequencies (m, k): no probability that is coded with is 0."""
    chosen = table[np.arange(labels.size), labels]
    return labels.size * PROBABILITY_BITS - float(np.log2(chosen).sum())  # reported only
