"""Data: readers, label-free preprocessing, canonical digests, and label files."""

from mdlcodec.data.arrays import content_of, from_arrays
from mdlcodec.data.dataset import AnyLabels, Choice, Content, Dataset, Inputs, LabelColumn, Labels
from mdlcodec.data.labels import FORMS, form_of, label_bytes
from mdlcodec.data.sources import read, read_candidates, read_inputs

__all__ = [
    "FORMS",
    "AnyLabels",
    "Choice",
    "Content",
    "Dataset",
    "Inputs",
    "LabelColumn",
    "Labels",
    "content_of",
    "form_of",
    "from_arrays",
    "label_bytes",
    "read",
    "read_candidates",
    "read_inputs",
]
