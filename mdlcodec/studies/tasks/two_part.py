"""A file of a two-part code, and what the network in it makes of test examples: a point of a frontier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.codes import Options
from mdlcodec.codes.network_labels import LearnedNetwork
from mdlcodec.data.unseen import features_beside
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.files.learned import Answers
from mdlcodec.files.temporary import write_whole
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.report.fresh_process import check_same
from mdlcodec.report.structure import structure_of


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The labels y of an .npz file ``training`` as a file ``file``: ``net``, ``preset``, ``seed``,
    ``options``."""
    dataset = data.read(task["training"])
    blob, run = label_files.encode(
        dataset,
        code="two-part",
        net=task["net"],
        preset=task["preset"],
        seed=task["seed"],
        device="cpu",
        options=Options.of(task["options"]),
        limits=SENDER_LIMITS,
    )
    write_whole(Path(task["file"]), blob)
    return {"ideal_bits": run.ideal_bits, "training_error": run.training_error, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the labels in ``training`` back, and what its network makes of ``test``. Raises
    MdlcodecError if other labels come back."""
    file = label_file.parse(Path(task["file"]).read_bytes())
    received = label_files.receive(
        file, label_inputs.inputs_from(task["training"]), device="cpu", limits=SENDER_LIMITS
    )
    with np.load(task["training"], allow_pickle=False) as held:
        check_same(held["y"], received.labels.array())
    assert received.decoded.network is not None
    architecture, weights = received.decoded.network
    structure = structure_of(architecture, weights, received.inputs.features.shape[1:], file.k)
    trained, tested = data.read(task["training"], keep=True), data.read(task["test"], keep=True)
    assert trained.content is not None
    assert tested.content is not None
    features, labels = features_beside(trained.content, tested.content), tested.class_labels
    classes = np.searchsorted(trained.class_labels.values, labels.values)[labels.classes]
    learned = file.code.prepare(received.inputs, file.target, file.settings).learned(
        file.payload, received.labels.coded, lambda *_: None
    )
    assert isinstance(learned, LearnedNetwork)
    answers = Answers(learned, "cpu")
    sizes = dict(file.sections)
    return {
        "network_bytes": sizes["network"],
        "labels_bytes": sizes["labels"],
        "test_error": 1.0 - answers.accuracy(features, classes),
        "test_loss": answers.bits(features, classes) / len(classes),
        "nonzeros": structure.nonzeros,
        "nominal": structure.nominal,
        "units": str(structure),
        "weights_share": structure.weights_share,
        "activations_share": structure.activations_share,
        "multiply_adds": structure.multiply_adds,
        "verify_seconds": received.run.seconds,
    }
