"""A file of classes, and what was learned from them, or the network in it, makes of test examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.data.unseen import features_beside
from mdlcodec.files.learned import Answers
from mdlcodec.report.structure import structure_of
from mdlcodec.studies.tasks.label_files import received, written


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The labels y of an .npz file ``training`` as a file ``file``: ``code``, ``net``, ``preset``, ``seed``,
    ``options``."""
    dataset = data.read(task["training"])
    run = written(task, dataset)
    return {"ideal_bits": run.ideal_bits, "training_error": run.training_error, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the labels in ``training`` back, and what was learned from them, or the network that
    it transmits, makes of ``test``. Raises MdlcodecError if other labels come back."""
    file, found = received(task)
    told: dict[str, Any] = {"verify_seconds": found.run.seconds}
    learned = found.decoded.learned
    if found.decoded.network is not None:
        architecture, weights = found.decoded.network
        structure = structure_of(architecture, weights, found.inputs.features.shape[1:], file.k)
        sizes = dict(file.sections)
        told |= {
            "network_bytes": sizes["network"],
            "labels_bytes": sizes["labels"],
            "nonzeros": structure.nonzeros,
            "nominal": structure.nominal,
            "units": str(structure),
            "weights_share": structure.weights_share,
            "activations_share": structure.activations_share,
            "multiply_adds": structure.multiply_adds,
        }
        learned = file.code.prepare(found.inputs, file.target, file.settings).learned(
            file.payload, found.labels.coded, lambda *_: None
        )
    if learned is None:
        return told
    trained, tested = data.read(task["training"], keep=True), data.read(task["test"], keep=True)
    assert trained.content is not None
    assert tested.content is not None
    features, labels = features_beside(trained.content, tested.content), tested.class_labels
    classes = np.searchsorted(trained.class_labels.values, labels.values)[labels.classes]
    answers = Answers(learned, "cpu")
    return told | {
        "test_error": 1.0 - answers.accuracy(features, classes),
        "test_loss": answers.bits(features, classes) / len(classes),
    }
