"""Text files (formats/text.md)."""

import hashlib
from dataclasses import dataclass

from decoder.frame import Damaged, Reader, Unsupported, read_frame
from decoder.text_learning import decode_learned
from decoder.text_mixing import decode_text as decode_mixed
from decoder.text_mixing import decode_with_network
from decoder.text_two_part import NETWORKS, decode_two_part_text

LEARNERS = {2: "transformer", 3: "lstm"}


@dataclass
class TextFile:
    """What a file holds besides the text."""

    code: int
    preset: int
    net: int
    seed: int
    n: int
    digest: bytes
    payload: bytes


def parse_text(blob):
    """A file of kind 4."""
    kind, body = read_frame(blob)
    if kind != 4:
        raise Unsupported(f"a file of kind {kind}, no text")
    r = Reader(body)
    code, preset = divmod(r.byte(), 16)
    net, n = r.byte(), r.unsigned()
    if n > 1 << 40:
        raise Damaged("length of the text")
    seed = r.unsigned() if net & 128 else 0
    if net & 128 and not seed:
        raise Damaged("a seed of 0 that is stored")
    return TextFile(code, preset, net & 127, seed, n, r.take(4), r.rest())


def decode_text(blob):
    """The text of a file. Raises Damaged where its digest says that it is wrong."""
    file = parse_text(blob)
    if not 1 <= file.preset <= 9:
        raise Unsupported(f"preset {file.preset}")
    if (file.code, file.net) == (0, 0):
        text = file.payload
        if len(text) != file.n:
            raise Damaged("length of the text")
    elif (file.code, file.net) == (1, 8):
        text = decode_mixed(file.preset, file.n, file.payload)
    elif (file.code, file.net) == (1, 9):
        text = decode_with_network(file.preset, file.n, file.payload)
    elif file.code == 1 and file.net in LEARNERS:
        text = decode_learned(file.payload, file.n, LEARNERS[file.net], file.preset, file.seed)
    elif file.code == 2 and file.net in NETWORKS:
        text = decode_two_part_text(file.payload, file.n, file.net)
    else:
        raise Unsupported(f"texts of code {file.code} with net {file.net}")
    if hashlib.sha256(text).digest()[:4] != file.digest:
        raise Damaged("the text is damaged")
    return text
