"""Data: readers, label-free preprocessing, canonical digests, and label files."""

from mdlcodec.data.arrays import from_arrays
from mdlcodec.data.dataset import Dataset, Inputs, LabelColumn, Labels
from mdlcodec.data.labels import FORMS, form_of, label_bytes
from mdlcodec.data.sources import read, read_inputs

__all__ = [
    "FORMS",
    "Dataset",
    "Inputs",
    "LabelColumn",
    "Labels",
    "form_of",
    "from_arrays",
    "label_bytes",
    "read",
    "read_inputs",
]
