"""Small sets of real numbers whose files are golden: tests/golden/good/reals/NAME.mdl."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_sets import blobs, images

import mdlcodec
from mdlcodec.exact.random import Stream

GOLDEN = Path(__file__).parent / "golden" / "good" / "reals"


@dataclass(frozen=True)
class Case:
    """Inputs x, real numbers y, and how they are coded."""

    x: np.ndarray
    y: np.ndarray
    code: str
    net: str


def numbers(n: int, decimals: int | None = 2) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float64 (n, 3), and a smooth function of them with noise, float64 (n,)."""
    stream = Stream(11, 3)
    x = stream.normals((n, 3)).astype(np.float64)
    y = 20.0 + 5.0 * x[:, 0] - 2.0 * x[:, 1] * x[:, 2] + 0.5 * stream.normals((n,)).astype(np.float64)
    return x, y if decimals is None else np.rint(y * 10**decimals) / 10**decimals


def _cases() -> dict[str, Case]:
    x, y = numbers(120)
    raw = numbers(50, None)[1]
    outlier = y.copy()
    outlier[70] = 1e9
    signed = np.rint(y - 20.0) / 4.0
    signed[3] = -0.0
    odd = raw.astype(np.float32)
    odd[:2] = np.inf, -np.inf
    pictures = images(40, 8)[0]
    return {
        "kernel": Case(x, y, "prequential", "kernel"),
        "mlp": Case(x, y, "prequential", "mlp"),
        "switching": Case(x, y, "switching", "auto"),
        "uniform": Case(x, y, "uniform", "auto"),
        "raw": Case(x[:50], raw, "prequential", "kernel"),
        "float32 with infinities": Case(x[:50], odd, "prequential", "kernel"),
        "half": Case(x, (y / 7).astype(">f2"), "prequential", "kernel"),
        "outlier": Case(x, outlier, "prequential", "kernel"),
        "signed zero": Case(x, signed, "prequential", "kernel"),
        "integers": Case(x, np.rint(y).astype(np.int16), "prequential", "kernel"),
        "images": Case(pictures, pictures.mean((1, 2)).round(1), "prequential", "kernel"),
        "one value": Case(blobs(9, 3)[0], np.full(9, 2.5), "prequential", "kernel"),
    }


CASES = _cases()


def encoded(case: Case) -> bytes:
    """The case's file."""
    return mdlcodec.encode(case.x, case.y, code=case.code, net=case.net, preset=1, target="reals")
