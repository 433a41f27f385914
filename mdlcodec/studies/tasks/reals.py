"""A file of real numbers, and of a network in it the error on test examples: a point of a study of
teachers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec import data
from mdlcodec.codes import Options
from mdlcodec.codes.network_reals import Calibration
from mdlcodec.codes.two_part import TwoPartRealsPayload
from mdlcodec.data import Choice
from mdlcodec.data.targets import Reals
from mdlcodec.data.unseen import features_beside
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.files.temporary import write_whole
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.report.fresh_process import check_same


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """The numbers y of an .npz file ``training``, multiples of ``precision``, as a file ``file``: ``code``,
    ``net``,
    ``preset``, ``seed``, ``options``."""
    dataset = data.read(task["training"], choice=Choice("reals", task["precision"]))
    blob, run = label_files.encode(
        dataset,
        code=task["code"],
        net=task["net"],
        preset=task["preset"],
        seed=task["seed"],
        device="cpu",
        options=Options.of(task["options"]),
        limits=SENDER_LIMITS,
    )
    write_whole(Path(task["file"]), blob)
    return {"ideal_bits": run.ideal_bits, "seconds": run.seconds}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """Whether ``file`` gives the numbers in ``training`` back; of a network in it, its mean squared error on
    ``test``. Raises MdlcodecError if other numbers come back."""
    file = label_file.parse(Path(task["file"]).read_bytes())
    received = label_files.receive(
        file, label_inputs.inputs_from(task["training"]), device="cpu", limits=SENDER_LIMITS
    )
    with np.load(task["training"], allow_pickle=False) as held:
        check_same(held["y"], received.labels.array())
    told: dict[str, Any] = {"verify_seconds": received.run.seconds}
    if received.decoded.network is None:
        return told
    architecture, weights = received.decoded.network
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
