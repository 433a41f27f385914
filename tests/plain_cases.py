"""Files whose labels are coded without learning: tests/golden/good/uniform and one_class, NAME.mdl."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from label_sets import blobs, images

import mdlcodec
from mdlcodec.container import label_digest, read_label_file, write_label_file

GOLDEN = Path(__file__).parent / "golden" / "good"
UNIFORM, ONE_CLASS = GOLDEN / "uniform", GOLDEN / "one_class"

# a number in the last 2^-24 of the interval that 20 labels of 5 classes leave: no encoder writes it
BEYOND = bytes.fromhex("0ff692bcefa983f090d73a0b")
_BEYOND_LABELS = 20


@dataclass(frozen=True)
class Case:
    """Inputs, labels, code, network; ``ignored``: what stands where one class needs no payload."""

    x: np.ndarray
    y: np.ndarray
    code: str = "uniform"
    net: str = "auto"
    seed: int = 0
    ignored: bytes = b""

    def encoded(self) -> bytes:
        """The file."""
        blob = mdlcodec.encode(
            self.x, self.y, code=self.code, net=self.net, seed=self.seed, target="classes", preset=1
        )
        header, payload = read_label_file(blob)
        return write_label_file(header, payload + self.ignored)


def _scattered(n: int, k: int) -> np.ndarray:
    y = np.arange(n) * 7919 % 1009 % k
    y[:k] = np.arange(k)
    return y


def beyond() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of the file whose payload ends beyond the interval: k - 1 from there on."""
    y = _scattered(40, 5)
    y[_BEYOND_LABELS:] = 4
    return blobs(40, 5)[0], y


def beyond_file() -> bytes:
    """That file: the header of its labels, and a payload that no encoder writes."""
    x, y = beyond()
    header, _ = read_label_file(Case(x, y).encoded())
    return write_label_file(replace(header, label_digest=label_digest(y)), BEYOND)


def _uniform() -> dict[str, Case]:
    x = blobs(300, 3)[0]
    words = np.array(["naïve", "", "été", "straße", "Ω"])
    floats = np.array([-0.0, 0.0, -2.5, np.inf, np.nan, 1e-310])
    return {
        "ten": Case(x[:200], _scattered(200, 10)),
        "two": Case(x, _scattered(300, 2).astype(bool)),
        "as many as labels": Case(x, _scattered(300, 300).astype(">i8")),
        "words": Case(x[:250], words[_scattered(250, 5)].astype("U9")),
        "floats": Case(x[:220], floats[_scattered(220, 6)].astype(">f8")),
        "one label": Case(x[:1], np.array([-7], np.int16)),
    }


def _one_class() -> dict[str, Case]:
    x, pictures = blobs(9, 3)[0], images(9, 16)[0]
    zeros = np.zeros(9, np.int64)
    return {
        "uniform": Case(x, zeros),
        "uniform, ignored": Case(x, zeros, ignored=b"\xff" * 9),
        "prequential": Case(x, np.full(9, "only"), "prequential", "mlp", 3),
        "prequential, ignored": Case(pictures, zeros, "prequential", "cnn", ignored=b"\x80"),
        "switching": Case(x, np.full(9, 2.5), "switching"),
        "two-part": Case(x, np.full(9, True), "two-part", "lenet-300-100"),
        "two-part, ignored": Case(x, zeros, "two-part", "lenet-300-100", ignored=b"\xff" * 12),
        "two-part-raw": Case(pictures, zeros, "two-part-raw", "lenet5"),
        "subspace": Case(x, zeros - 1, "subspace", "lenet-300-100", 2**64 - 1),
        "subspace, ignored": Case(x, zeros, "subspace", "lenet-300-100", ignored=b"\xff\xff"),
        "variational": Case(x, zeros, "variational", "narrow-mlp", 1),
        "variational, ignored": Case(x, zeros, "variational", "narrow-mlp", ignored=b"\0"),
    }


CASES = {UNIFORM: _uniform(), ONE_CLASS: _one_class()}
