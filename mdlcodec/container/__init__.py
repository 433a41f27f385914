"""Files: the frame all share (formats/container.md), what a label file holds (formats/labels.md), network files."""

from mdlcodec.container.frame import (
    FORMAT_VERSION,
    KIND_LABELS,
    KIND_NETWORK,
    KIND_REALS,
    Reader,
    read_frame,
    write_frame,
)
from mdlcodec.container.label_file import (
    FORMS,
    LabelHeader,
    index_digest,
    label_digest,
    read_label_file,
    sections,
    write_label_file,
)
from mdlcodec.container.network_file import (
    is_network_file,
    is_sampled_network,
    network_sections,
    read_network_file,
    write_network_file,
)

__all__ = [
    "FORMAT_VERSION",
    "FORMS",
    "KIND_LABELS",
    "KIND_NETWORK",
    "KIND_REALS",
    "LabelHeader",
    "Reader",
    "index_digest",
    "is_network_file",
    "is_sampled_network",
    "label_digest",
    "network_sections",
    "read_frame",
    "read_label_file",
    "read_network_file",
    "sections",
    "write_frame",
    "write_label_file",
    "write_network_file",
]
