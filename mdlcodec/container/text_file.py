"""A text file: header, digest, and the coder's bytes (formats/text.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mdlcodec.container.frame import (
    CHECKSUM_BYTES,
    HEAD_BYTES,
    KIND_TEXT,
    Reader,
    read_frame,
    unsigned,
    write_frame,
)
from mdlcodec.errors import BadData, CorruptFile, Unsupported

MAX_TEXT_BYTES = 1 << 40
DIGEST_BYTES = 4
PAYLOAD = "text"  # the name of what a code wrote
_SEED_STORED = 0x80  # in the net byte


@dataclass(frozen=True)
class TextHeader:
    """What a text file says besides the coded text.

    code, preset: 0..15; net: 0..127 (ids.TextNetId); seed: 0..2^64-1; n: how many bytes the text has; digest: 4
    bytes.
    """

    code: int
    net: int
    preset: int
    seed: int
    n: int
    digest: bytes


def text_digest(text: bytes) -> bytes:
    """First 4 bytes of the text's SHA-256."""
    return hashlib.sha256(text).digest()[:DIGEST_BYTES]


def write_text_file(header: TextHeader, payload: bytes) -> bytes:
    """The file of a header and the coder's bytes. BadData for a text that is too long; ValueError for fields out of
    range."""
    return write_frame(KIND_TEXT, _encode_header(header) + header.digest + payload)


def _encode_header(header: TextHeader) -> bytes:
    for name, value, largest in (
        ("code", header.code, 15),
        ("preset", header.preset, 15),
        ("net", header.net, 127),
    ):
        if not 0 <= value <= largest:
            raise ValueError(f"{name} {value} is not in 0..{largest}")
    if not 0 <= header.n <= MAX_TEXT_BYTES:
        raise BadData(f"a text of {header.n:,} bytes: at most 2^40 can be coded")
    if len(header.digest) != DIGEST_BYTES:
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes")
    return (
        bytes([header.code << 4 | header.preset, header.net | (_SEED_STORED if header.seed else 0)])
        + unsigned(header.n)
        + (unsigned(header.seed) if header.seed else b"")
    )


def read_text_file(blob: bytes) -> tuple[TextHeader, bytes]:
    """Header and coder's bytes of a file.

    CorruptFile if it is damaged; Unsupported for a newer version, or a file that holds something else. Codes, nets
    and presets are passed on unchecked.
    """
    kind, body = read_frame(blob)
    if kind != KIND_TEXT:
        raise Unsupported(f"a file of kind {kind}, which holds no text that this program can read")
    reader = Reader(body)
    code, preset = divmod(reader.byte(), 16)
    net = reader.byte()
    n = reader.unsigned()
    if n > MAX_TEXT_BYTES:
        raise CorruptFile(f"damaged: a text of {n} bytes")
    seed = reader.unsigned() if net & _SEED_STORED else 0
    if seed == 0 and net & _SEED_STORED:
        raise CorruptFile("damaged: a seed of 0 that should not be stored")
    header = TextHeader(code, net & ~_SEED_STORED, preset, seed, n, reader.take(DIGEST_BYTES))
    return header, reader.rest()


def is_text_file(blob: bytes) -> bool:
    """Whether a file is one of a text. Raises as ``read_frame`` does."""
    return read_frame(blob)[0] == KIND_TEXT


def text_sections(blob: bytes) -> list[tuple[str, int]]:
    """Names and sizes in bytes of the parts of a text file, in order, adding up to len(blob). Raises as
    ``read_text_file`` does."""
    header, payload = read_text_file(blob)
    return [
        ("header", HEAD_BYTES + len(_encode_header(header))),
        ("digest", DIGEST_BYTES),
        (PAYLOAD, len(payload)),
        ("checksum", CHECKSUM_BYTES),
    ]
