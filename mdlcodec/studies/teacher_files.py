"""A teacher as a file, and what numbers take under it: mu and w(mu) of Barth & von Petersenn 2025, Theorem 2.1."""

from __future__ import annotations

import math

import numpy as np

from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.files import networks
from mdlcodec.limits import SENDER_LIMITS
from mdlcodec.nn.exact_prediction import exact_outputs
from mdlcodec.sender.lossy import rounded
from mdlcodec.studies.teachers import STEP_BITS, Teacher, network_named

_SIGMA = "sigma"
# four significant bits: a file of fewer bytes is a larger w(mu), and any teacher may draw the data
_COARSE = next(dtype for dtype in DTYPES if dtype.name == "F8_E4M3")


def filed(teacher: Teacher) -> tuple[bytes, Teacher]:
    """A network file, as `mdlcodec.pack` writes it, of a teacher's weights, rounded to four significant bits, and
    of sigma; and the teacher that this file decodes to, which is the one to draw data from.

    2^-(8 bytes) is a prior over teachers: the seven bytes of magic number and checksum, which do not vary, say more
    than how long the file is.
    """
    tensors = [
        Tensor.of(name, rounded(array.astype(np.float64), _COARSE).astype(np.float16))
        for name, array in teacher.weights.items()
    ]
    blob, _ = networks.pack([*tensors, Tensor.of(_SIGMA, np.array([teacher.sigma], np.float32))])
    return blob, taught_by(blob, teacher.seed)


def taught_by(blob: bytes, seed: int) -> Teacher:
    """The teacher in such a file; ``seed``: of the inputs and of the noise that it draws."""
    held = {part.tensor.name: part.tensor.array() for part in networks.unpack(blob, SENDER_LIMITS).parts}
    sigma = float(held.pop(_SIGMA)[0])
    weights = {name: array.astype(np.float32) for name, array in held.items()}
    matrices = [array for array in weights.values() if array.ndim == 2]
    sizes = (matrices[0].shape[1], *(matrix.shape[0] for matrix in matrices))
    return Teacher(network_named(sizes), weights, sigma, seed)


def bits_under(teacher: Teacher, x: np.ndarray, y: np.ndarray) -> float:
    """-log2 p of numbers y (n,), multiples of 2^-8, given inputs x (n, d), under the teacher: ideal, and known to
    nobody who does not hold the teacher's file. 0 without noise."""
    if teacher.sigma == 0:
        return 0.0
    means = exact_outputs(teacher.architecture, teacher.weights, x)[:, 0].astype(np.float64)
    half = 2.0**-STEP_BITS / 2
    below, above = (y - half - means) / teacher.sigma, (y + half - means) / teacher.sigma
    return -math.fsum(map(_log2_between, below.tolist(), above.tolist()))


def _log2_between(low: float, high: float) -> float:
    """log2 of a standard normal's chance to fall between the two; far out, as good as the tail allows."""
    if low + high > 0:  # by the nearer tail, so that nothing cancels
        low, high = -high, -low
    chance = 0.5 * (math.erfc(-high / math.sqrt(2)) - math.erfc(-low / math.sqrt(2)))
    return math.log2(max(chance, 1e-300))
