"""Texts and their files: tests/golden/good/text, NAME.mdl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mdlcodec

GOLDEN = Path(__file__).parent / "golden" / "good" / "text"

_PROSE = (
    b"The decoder repeats the training, bit for bit, and has the labels again, exactly: on another machine, with "
    b"another number of threads, another instruction set. The decoder repeats what the encoder did.\n"
)
_GREEK = (
    "Ἄνδρα μοι ἔννεπε, Μοῦσα, πολύτροπον, ὃς μάλα πολλὰ πλάγχθη, ἐπεὶ Τροίης ἱερὸν πτολίεθρον ἔπερσε·\n"
).encode()
_PROGRAM = (
    b"def f(x):\n    for i in range(10):\n        if x[i] > 0:\n            x[i] -= 1\n    return x\n\n\n"
)
_MARKUP = (
    b"<list>\n  <entry n='1'><name>one</name></entry>\n  <entry n='2'><name>two</name></entry>\n</list>\n"
)


@dataclass(frozen=True)
class Case:
    """A text, and how it is coded."""

    text: bytes
    code: str = "prequential"
    preset: int = 5
    net: str = "auto"
    seed: int = 0

    def encoded(self) -> bytes:
        """The file."""
        given = {"code": self.code, "net": self.net, "preset": self.preset, "seed": self.seed}
        return mdlcodec.encode_text(self.text, **given).blob


CASES = {
    "uniform": Case(_PROSE, "uniform"),
    "empty": Case(b""),
    "one byte": Case(b"\xff"),
    "prose, 1": Case(_PROSE, preset=1),
    "prose": Case(_PROSE),
    "prose, 9": Case(_PROSE, preset=9, net="mixing"),
    "mixing and cells": Case(_PROSE[:60], preset=9),
    "greek": Case(_GREEK * 2),
    "program": Case(_PROGRAM * 2),
    "markup": Case(_MARKUP),
    "every byte": Case(bytes(range(256))),
    "one byte often": Case(b"a" * 200),
    "transformer": Case(_PROSE[:40], preset=1, net="transformer"),
    "lstm": Case(_PROSE[:40], preset=1, net="lstm", seed=3),
}
