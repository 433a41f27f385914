"""WebP files, chunk by chunk: one lossless image, whole (formats/data.md, Folders of images)."""

from __future__ import annotations

from mdlcodec.data.image_refusal import LOSSY, SEVERAL, Damaged, Refused

_MOST_CHUNKS = 1 << 10


def check(raw: bytes) -> None:
    """Raise Refused unless a file that begins as WebP does is one lossless image."""
    names: list[bytes] = []
    at = 12
    while at + 8 <= len(raw) and len(names) < _MOST_CHUNKS:
        size = int.from_bytes(raw[at + 4 : at + 8], "little")
        names.append(raw[at : at + 4])
        at += 8 + size + size % 2
    if b"ANIM" in names or b"ANMF" in names:
        raise Refused(SEVERAL)
    if b"VP8 " in names:
        raise Refused(LOSSY)
    if at != len(raw) or int.from_bytes(raw[4:8], "little") != len(raw) - 8:
        raise Damaged("it is shorter or longer than it says")
    if names.count(b"VP8L") != 1:
        raise Refused(SEVERAL) if names.count(b"VP8L") else Damaged("it holds no image")
