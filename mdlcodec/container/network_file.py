"""A network file: the network section and nothing else in its frame (formats/container.md, formats/network.md)."""

from __future__ import annotations

from mdlcodec.container.frame import (
    CHECKSUM_BYTES,
    HEAD_BYTES,
    KIND_NETWORK,
    KIND_SAMPLED_NETWORK,
    read_frame,
    write_frame,
)
from mdlcodec.errors import Unsupported


def write_network_file(section: bytes) -> bytes:
    """The file of a network section."""
    return write_frame(KIND_NETWORK, section)


def read_network_file(blob: bytes) -> bytes:
    """The network section of a file, unchecked but for the frame's checksum.

    CorruptFile if the file is damaged; Unsupported for a newer version, or a file that holds something else.
    """
    kind, body = read_frame(blob)
    if kind != KIND_NETWORK:
        raise Unsupported(f"a file of kind {kind}, which holds no network that this program can read")
    return body


def is_network_file(blob: bytes) -> bool:
    """Whether a file is one of a network alone, as tensors or as a sample. Raises as ``read_frame`` does."""
    return read_frame(blob)[0] in (KIND_NETWORK, KIND_SAMPLED_NETWORK)


def is_sampled_network(blob: bytes) -> bool:
    """Whether a file is one of a network as a sample of a posterior. Raises as ``read_frame`` does."""
    return read_frame(blob)[0] == KIND_SAMPLED_NETWORK


def network_sections(blob: bytes) -> list[tuple[str, int]]:
    """Names and sizes in bytes of the parts of a network file, in order, adding up to len(blob)."""
    section = read_network_file(blob)
    return [("header", HEAD_BYTES), ("network", len(section)), ("checksum", CHECKSUM_BYTES)]
