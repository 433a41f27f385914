"""SHA-256 hashes of what labels are coded under: a payload hides differences of the last bits."""

from __future__ import annotations

import hashlib

import numpy as np

from mdlcodec import data
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.codes.real_numbers import LearnedReals
from mdlcodec.data.dataset import Choice
from mdlcodec.data.label_choice import labels_as
from mdlcodec.entropy import RangeEncoder
from mdlcodec.files import label_file
from mdlcodec.mixing.switch_distribution import Calibration
from mdlcodec.nn.exact_prediction import exact_outputs


def of_network(blob: bytes, x: np.ndarray) -> dict[str, str]:
    """Of a file that transmits a network: its weights, float32, tensor after tensor; scores: its outputs, float32
    (n, outputs)."""
    file, inputs = label_file.parse(blob), data.from_arrays(x, None).inputs
    network = file.code.prepare(inputs, file.target, file.settings).network(file.payload)
    assert network is not None
    weights = b"".join(np.asarray(tensor, np.float32).tobytes() for tensor in network[1].values())
    return {
        "scores": hashlib.sha256(exact_outputs(*network, inputs.features).tobytes()).hexdigest(),
        "weights": hashlib.sha256(weights).hexdigest(),
    }


def of_learner(blob: bytes, x: np.ndarray, y: np.ndarray) -> tuple[dict[str, str], bytes]:
    """Of a file of learned classes: scores, float64 (block, sets, k), block after block; probabilities that
    the labels have in the mixture, float64 (n,). And the payload under them."""
    file, dataset = label_file.parse(blob), data.from_arrays(x, y)
    prepared = file.code.prepare(dataset.inputs, file.target, file.settings)
    assert isinstance(prepared, LearnedClasses) and dataset.labels is not None
    learner, classes = prepared.learner(), dataset.labels.classes
    calibration, encoder, start = Calibration(file.k, learner.sets), RangeEncoder(), 0
    scores_digest, probabilities_digest = hashlib.sha256(), hashlib.sha256()
    while start < file.n:
        kept = learner.retire(start)
        if kept is not None:
            calibration.keep(kept)
        stop = min(file.n, learner.block_end(start))
        scores, some = learner.predict(start, stop), classes[start:stop]
        frequencies, probabilities = calibration.frequencies(scores, some)
        encoder.encode(some, frequencies)
        scores_digest.update(scores.tobytes())
        probabilities_digest.update(probabilities.tobytes())
        learner.learn(start, stop, some)
        start = stop
    digests = {"scores": scores_digest.hexdigest(), "probabilities": probabilities_digest.hexdigest()}
    return digests, encoder.finish()


def of_reals(blob: bytes, x: np.ndarray, y: np.ndarray) -> tuple[dict[str, str], bytes]:
    """Of a file of learned real numbers: scores, float64 (block, sets, 2), block after block; the experts' weights
    at the end, float64. And the payload under them."""
    file, inputs = label_file.parse(blob), data.from_arrays(x, None).inputs
    prepared = file.code.prepare(inputs, file.target, file.settings)
    assert isinstance(prepared, LearnedReals)
    indices, digest = labels_as(Choice("reals"), y, len(y)).indices, hashlib.sha256()
    run = prepared._pass(None, indices)
    for start, stop, scores in prepared._blocks(run, lambda done, bits, stage="": None, lambda done: {}):
        digest.update(scores.tobytes())
        run.learner.learn(start, stop, run.mixture.encode(scores, indices[start:stop]))
    experts = hashlib.sha256(run.mixture._weights.tobytes())
    return {"scores": digest.hexdigest(), "experts": experts.hexdigest()}, run.mixture.finish()
