"""SHA-256 hashes of every score that labels are coded under: a payload hides small differences."""

from __future__ import annotations

import hashlib

import numpy as np

from mdlcodec import data
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.entropy import RangeEncoder
from mdlcodec.files import labels
from mdlcodec.mixing.switch_distribution import Calibration
from mdlcodec.nn.exact_prediction import exact_outputs


def of_network(blob: bytes, x: np.ndarray) -> str:
    """Of the outputs, float32 (n, outputs), of the network that a file transmits."""
    file, inputs = labels.parse(blob), data.from_arrays(x, None).inputs
    network = file.code.prepare(inputs, file.target, file.settings).network(file.payload)
    assert network is not None
    return hashlib.sha256(exact_outputs(*network, inputs.features).tobytes()).hexdigest()


def of_learner(blob: bytes, x: np.ndarray, y: np.ndarray) -> tuple[str, bytes]:
    """Of the scores of classes, float64 (block, sets, k), block after block; and the payload under these scores."""
    file, dataset = labels.parse(blob), data.from_arrays(x, y)
    prepared = file.code.prepare(dataset.inputs, file.target, file.settings)
    assert isinstance(prepared, LearnedClasses) and dataset.labels is not None
    learner, classes = prepared.learner(), dataset.labels.classes
    calibration, encoder, digest, start = (
        Calibration(file.k, learner.sets),
        RangeEncoder(),
        hashlib.sha256(),
        0,
    )
    while start < file.n:
        kept = learner.retire(start)
        if kept is not None:
            calibration.keep(kept)
        stop = min(file.n, learner.block_end(start))
        scores = learner.predict(start, stop)
        digest.update(scores.tobytes())
        encoder.encode(classes[start:stop], calibration.frequencies(scores, classes[start:stop])[0])
        learner.learn(start, stop, classes[start:stop])
        start = stop
    return digest.hexdigest(), encoder.finish()
