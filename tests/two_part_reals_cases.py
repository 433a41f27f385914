"""Real numbers around the outputs of networks made of integers alone: tests/golden/good/two_part_reals/NAME.mdl.

As two_part_cases.py; the calibration is the sender's, in float64, and so the file is the same everywhere.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_sets import blobs, images
from real_cases import numbers
from two_part_cases import network

from mdlcodec import data
from mdlcodec.codes import CODES
from mdlcodec.codes.network_reals import SCALES, Calibration, Standardisation
from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.codes.two_part import TwoPartRealsPayload, encode_reals
from mdlcodec.container import write_label_file
from mdlcodec.data.dataset import Choice
from mdlcodec.data.label_choice import labels_as
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.files import label_file, labels
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.nn.zoo import architecture_named

GOLDEN = Path(__file__).parent / "golden" / "good" / "two_part_reals"
ORIGIN, UNIT = 300.0, 8.0  # of the numbers: what an output of 0 means, and one of 1


@dataclass(frozen=True)
class Case:
    """Inputs, a network for them, and numbers that lie around its outputs."""

    code: str
    net: str
    x: np.ndarray
    weights: dict
    y: np.ndarray


def case(code, net, x, widths, decimals, dtype=np.float64):
    """A case whose numbers are the outputs and a little noise, in a unit and from an origin of their own."""
    features = data.from_arrays(x, None).inputs.features
    weights = network(net, features.shape[1:], 1, widths)
    outputs = exact_outputs(architecture_named(net), weights, features)[:, 0].astype(np.float64)
    noise = numbers(len(x))[1] - 20.0
    y = ORIGIN + UNIT * outputs + 0.03 * noise
    if decimals is not None:
        y = np.rint(y * 10**decimals) / 10**decimals
    return Case(code, net, x, weights, y.astype(dtype))


def _cases():
    x = numbers(80)[0]
    outlier = case("two-part", "mlp-5-4", x, (5, 4), 2)
    outlier.y[40] = 1e9
    return {
        "columns": case("two-part", "mlp-5-4", x, (5, 4), 2),
        "tanh": case("two-part", "mlp-6-tanh", blobs(60, 3)[0], (6,), 3),
        "raw": case("two-part-raw", "mlp-5-4", x[:50], (5, 4), None),
        "float32": case("two-part", "lenet-300-100", x, (3, 2), None, np.float32),
        "outlier": outlier,
        "images": case("two-part", "lenet5", images(40, 16)[0], (2, 3, 4), 1),
    }


CASES = _cases()


def dataset_of(given):
    """A case's inputs and its numbers as reals."""
    found = data.from_arrays(given.x, None)
    return found.inputs, labels_as(Choice("reals"), given.y, len(given.y))


def _standardisation(target):
    """What says that of the outputs, as nearly as it can."""
    centre, scale = target.cells()[1][2:]
    return Standardisation(
        round((ORIGIN - centre) / scale * 4096), int(np.argmin(abs(SCALES - UNIT / scale)))
    )


def encoded(given):
    """The file of a case's numbers, its network given instead of trained."""
    inputs, reals = dataset_of(given)
    code = CODES[given.code]
    settings = code.settings(given.net, 5, 0, inputs, reals.target)
    section = encode_network(
        tensors_of(given.weights), values="raw" if given.code == "two-part-raw" else None
    )
    architecture = architecture_named(given.net)
    found = encode_reals(
        architecture,
        section,
        reals.indices,
        reals.target,
        _standardisation(reals.target),
        inputs,
        lambda *_: None,
    )
    return labels.written(inputs, reals, code.number, settings, found.payload)


def recoded(given, blob):
    """A case's file again: its numbers coded anew under the network that it holds."""
    file, (inputs, reals) = label_file.parse(blob), dataset_of(given)
    section, architecture = label_file.network_section(blob), architecture_named(given.net)
    held = Calibration.read(TwoPartRealsPayload.read(file.payload).calibration).standardisation
    again = encode_reals(architecture, section, reals.indices, reals.target, held, inputs, lambda *_: None)
    return write_label_file(file.header, again.payload)
