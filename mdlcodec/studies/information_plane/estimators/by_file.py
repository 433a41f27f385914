"""I(T;Y) that a file proves: the labels of the sample, coded by this program given the layer's activations.

For a true distribution p, P(bits of the file <= -log2 p(y^n|t^n) - k) <= 2^-k, so that H(Y) less the bits a
label is a lower bound in expectation, if the layer was not trained on these examples. It is information that
can be used, which may rise from layer to layer.
"""

from __future__ import annotations

import numpy as np

from mdlcodec import data
from mdlcodec.errors import MdlcodecError
from mdlcodec.files import label_file, label_inputs
from mdlcodec.files import labels as label_files
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.report.information import label_entropy
from mdlcodec.studies.information_plane.estimators.contract import Estimate, Layer

PRESET = 1


def by_file(layer: Layer) -> Estimate:
    """H(Y) - 8 len(file) / n over the sample, with the file."""
    values, classes = layer.values[layer.sample], layer.classes[layer.sample]
    dataset = data.from_arrays(values, classes)
    blob, _ = label_files.encode(
        dataset, code="prequential", preset=PRESET, device="cpu", limits=SENDER_LIMITS
    )
    return Estimate(None, label_entropy(classes) - 8 * len(blob) / len(classes), len(classes), blob=blob)


def check(blob: bytes, layer: Layer) -> None:
    """Raise MdlcodecError unless the file gives the sample's labels back."""
    decoded, _ = label_files.decode(
        label_file.parse(blob), label_inputs.inputs_of(layer.values[layer.sample]), device="cpu"
    )
    if not np.array_equal(decoded.array(), layer.classes[layer.sample]):
        raise MdlcodecError("a file of labels decodes to others; please report it")
