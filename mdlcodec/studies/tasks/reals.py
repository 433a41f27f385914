"""A file of real numbers, and of a network in it the error on test examples: a point of a study of
teachers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.codes.network_reals import Calibration
from mdlcodec.codes.two_part import TwoPartRealsPayload
from mdlcodec.data import Choice
from mdlcodec.data.targets import Reals
from mdlcodec.data.unseen import features_beside
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.studies.tasks.label_files import received, written


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The numbers y of an .npz file ``training``, multiples of ``precision``, as a file ``file``: ``code``,
    ``net``, ``preset``, ``seed``, ``options``."""
    dataset = data.read(task["training"], choice=Choice("reals", task["precision"]))
    run = written(task, dataset)
    return {"ideal_bits": run.ideal_bits, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the numbers in ``training`` back; of a network in it, its mean squared error on
    ``test``. Raises MdlcodecError if other numbers come back."""
    file, found = received(task)
    told: dict[str, Any] = {"verify_seconds": found.run.seconds}
    if found.decoded.network is None:
        return told
    architecture, weights = found.decoded.network
    trained = data.read(task["training"], labels=False, keep=True)
    with np.load(task["test"], allow_pickle=False) as held:
        others, values = data.content_of(held["x"]), held["y"].astype(np.float64)
    assert trained.content is not None
    assert isinstance(file.target, Reals)
    outputs = exact_outputs(architecture, weights, features_beside(trained.content, others))
    calibration = Calibration.read(TwoPartRealsPayload.read(file.payload).calibration)
    _, numbers = file.target.cells()
    predicted = numbers[2] + numbers[3] * calibration.standardisation.means(outputs)
    sizes = dict(file.sections)
    return told | {
        "network_bytes": sizes["network"],
        "targets_bytes": sizes["labels"],
        "test_error": float(np.mean((predicted - values) ** 2)),
        "nonzeros": int(sum(np.count_nonzero(array) for array in weights.values())),
    }
