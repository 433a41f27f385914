"""One code's row of a comparison: of what a file and its data say, and of lengths and times that were measured."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mdlcodec.version import VERSION

_LARGEST = 1e15  # of a length or a time
MEASURED = (
    "ideal_bits",
    "objective_bits",
    "training_error",
    "test_accuracy",
    "encode_seconds",
    "decode_seconds",
)


@dataclass(frozen=True)
class Row:
    """What is known of one code's file, all of it measured; lengths other than the file's are called by name.

    ``ideal_bits``, ``objective_bits``, ``training_error``: see runs.Run; ``test_accuracy``: of the network in the
    file, or of what was learned after the last label, None where nothing is; ``mutual_information``: see
    report.information; ``decode_seconds``: of the fresh process, its start included; ``failed``: why
    there is no file; ``made_with``: versions of packages, and threads of torch, when the file was made. What only
    its maker knows is None of a file that somebody else made.
    """

    code: str
    net: str | None = None
    bytes: int | None = None
    kbit: float | None = None
    ratio: float | None = None
    ideal_bits: float | None = None
    objective_bits: float | None = None
    training_error: float | None = None
    test_accuracy: float | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    file: str | None = None
    failed: str | None = None
    made_with: dict[str, str | int] | None = None
    mutual_information: float | None = None


def made_with() -> dict[str, str | int]:
    """Versions of what computes here, and how many threads of it."""
    import torch

    versions: dict[str, str | int] = {"mdlcodec": VERSION, "python": platform.python_version()}
    versions |= {name: version(name) for name in ("torch", "numpy", "numba")}
    return versions | {"threads": torch.get_num_threads()}


def row_of(
    code: str,
    net: str | None,
    path: Path,
    size: int,
    uniform_bytes: int,
    information: float | None,
    measured: dict[str, Any],
) -> Row:
    """The row of a file of ``size`` bytes. Raises ValueError or KeyError for values that nobody measured."""
    numbers: dict[str, Any] = {name: _number(measured[name]) for name in MEASURED}
    if numbers["decode_seconds"] is None:
        raise ValueError("a file that was never decoded")
    return Row(
        code,
        net,
        size,
        size * 8 / 1000,
        size / uniform_bytes if uniform_bytes else None,
        mutual_information=information,
        file=str(path),
        made_with=_versions(measured.get("made_with")),
        **numbers,
    )


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise ValueError(f"{value!r} is no length, share or time")
    return float(value)


def _versions(value: object) -> dict[str, str | int] | None:
    if not isinstance(value, dict):
        return None
    return {
        str(name): number
        for name, number in value.items()
        if type(number) in (str, int) and len(str(name)) < 40
    }
