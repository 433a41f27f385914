"""Files: the frame all share (formats/container.md), and what a label file holds (formats/labels.md)."""

from mdlcodec.container.frame import (
    FORMAT_VERSION,
    KIND_LABELS,
    KIND_NETWORK,
    Reader,
    read_frame,
    write_frame,
)
from mdlcodec.container.label_file import (
    FORMS,
    LabelHeader,
    label_digest,
    read_label_file,
    sections,
    write_label_file,
)

__all__ = [
    "FORMAT_VERSION",
    "FORMS",
    "KIND_LABELS",
    "KIND_NETWORK",
    "LabelHeader",
    "Reader",
    "label_digest",
    "read_frame",
    "read_label_file",
    "sections",
    "write_frame",
    "write_label_file",
]
