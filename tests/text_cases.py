"""Texts and their files: tests/golden/good/text, NAME.mdl."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mdlcodec
from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.codes.text import text_code_named
from mdlcodec.codes.text.two_part import TwoPartText
from mdlcodec.container import TextHeader, text_digest, write_text_file
from mdlcodec.container.ids import Purpose
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.exact.random import Stream
from mdlcodec.nn.zoo.sequences import sequence_architecture_named

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
        if (
            self.code == "two-part" and self.text
        ):  # what a sender trains in float32 is not the same everywhere
            return two_part_file(self)
        given = {"code": self.code, "net": self.net, "preset": self.preset, "seed": self.seed}
        return mdlcodec.encode_text(self.text, **given).blob


def some_network(name: str, seed: int, share: float, hidden: int = 4) -> dict[str, np.ndarray]:
    """Weights of which a share are multiples of 1/8, the others 0; so many units in fc1.b."""
    architecture, stream = sequence_architecture_named(name), Stream(seed, Purpose.NOISE)
    narrow = {
        f"fc1.{b}.{of}": shape
        for b in range(1, 5)
        for of, shape in (("weight", (hidden, 0)), ("bias", (hidden,)))
    }
    graph = architecture.graph.fitted(
        {n: narrow.get(n, p.shape) for n, p in architecture.graph.tensors((architecture.places,)).items()}
    )
    weights = {}
    for tensor, parameter in graph.tensors((architecture.places,)).items():
        drawn = np.rint(stream.normals(parameter.shape) * np.float32(3)) / np.float32(8)
        kept = stream.below(1000, math.prod(parameter.shape)).reshape(parameter.shape) < 1000 * share
        if ".weight" in tensor and "norm" in tensor:
            kept[:] = True
        weights[tensor] = np.where(kept, drawn, np.float32(0)).astype(np.float32)
    return weights


def two_part_file(case: Case, weights: dict[str, np.ndarray] | None = None) -> bytes:
    """The file of a text under weights, `some_network` by default."""
    if weights is None:
        weights = some_network(case.net, case.seed, 0.01)
    code = text_code_named(case.code, case.net)
    assert isinstance(code, TwoPartText)
    payload = code.under(encode_network(tensors_of(weights)), case.text, lambda *_: None).payload
    header = TextHeader(
        code.number, code.net_number, case.preset, case.seed, len(case.text), text_digest(case.text)
    )
    return write_text_file(header, payload)


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
    "two-part": Case(_PROSE * 2, "two-part", net="transformer-small"),
    "two-part, longer than windows": Case((_PROSE + _GREEK)[:300], "two-part", 1, "transformer-small", 7),
    "two-part, medium": Case(_PROSE[:50], "two-part", net="transformer-medium"),
    "two-part, lstm": Case(_PROSE[:90], "two-part", net="lstm-small"),
    "two-part, empty": Case(b"", "two-part"),
}
