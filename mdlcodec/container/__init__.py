"""Files: the frame all share (formats/container.md), what a label file holds (formats/labels.md), network files,
text files (formats/text.md)."""

from mdlcodec.container.frame import (
    FORMAT_VERSION,
    KIND_LABELS,
    KIND_NETWORK,
    KIND_REALS,
    KIND_TEXT,
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
from mdlcodec.container.text_file import (
    TextHeader,
    is_text_file,
    read_text_file,
    text_digest,
    text_sections,
    write_text_file,
)

__all__ = [
    "FORMAT_VERSION",
    "FORMS",
    "KIND_LABELS",
    "KIND_NETWORK",
    "KIND_REALS",
    "KIND_TEXT",
    "LabelHeader",
    "Reader",
    "TextHeader",
    "index_digest",
    "is_network_file",
    "is_sampled_network",
    "is_text_file",
    "label_digest",
    "network_sections",
    "read_frame",
    "read_label_file",
    "read_network_file",
    "read_text_file",
    "sections",
    "text_digest",
    "text_sections",
    "write_frame",
    "write_label_file",
    "write_network_file",
    "write_text_file",
]
