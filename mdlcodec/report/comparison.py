"""Every code on one data set: a file each, decoded before it counts, kept with what is known of it.

A row of the comparison is a file FOLDER/CODE.mdl and its record FOLDER/CODE.json. The record is written first and
names the digest of its file, so that a row is either finished or not, whenever the program ends.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mdlcodec
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from mdlcodec.data import Dataset, Labels
    from mdlcodec.labels import Watch

# as in Blier & Ollivier 2018, Table 1, with the codes of sections 3.1 to 3.4 that it leaves out
_ORDER = ("uniform", "two-part-raw", "two-part", "subspace", "variational", "prequential", "switching")

Verify = Callable[[Path, "Labels"], float]
"""Decodes a file in a fresh process; its seconds. Raises MdlcodecError unless these labels come back."""


@dataclass(frozen=True)
class Row:
    """What is known of one code's file, all of it measured; lengths other than the file's are called by name.

    ``ideal_bits``, ``objective_bits``, ``training_error``: see labels.Run; ``test_accuracy``: of the network in the
    file, None where it holds none; ``decode_seconds``: of the fresh process, its start included; ``failed``: why
    there is no file; ``made_with``: versions of packages, and threads of torch, when the file was made.
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


@dataclass(frozen=True)
class Comparison:
    """One data set under the same preset and seed for every code, whose files go to ``folder``.

    ``test``: examples that accuracy is measured on (see accuracy.read_examples); ``force``: finished rows are
    made again.
    """

    dataset: Dataset
    folder: Path
    preset: int
    seed: int = 0
    limit: int | None = None
    device: str = "auto"
    limits: Limits = DEFAULT_LIMITS
    test: Dataset | None = None
    force: bool = False

    @property
    def labels(self) -> Labels:
        """The labels that are coded."""
        assert self.dataset.labels is not None
        return self.dataset.labels

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels.values)

    @property
    def uniform_bytes(self) -> int:
        """What uniform coding takes at the least: n log2 k bits."""
        return math.ceil(self.labels.n * math.log2(self.classes) / 8)

    def check(self, codes: Sequence[str]) -> None:
        """Raise what no row should fail with: BadData for a device that is not there, MdlcodecError where the
        folder has files of these names that are not of a comparison."""
        from mdlcodec.exact.choice import computing_on

        with computing_on(self.device):
            pass
        for file, record in map(self._paths, [] if self.force else codes):
            if _record(record) is None and (file.exists() or record.exists()):
                raise MdlcodecError(
                    f"{str(self.folder)!r} has a {file.name} or {record.name} that is not of a comparison; "
                    "choose another -o, or overwrite it with -f"
                )

    def row(self, code: str, verify: Verify, watch: Watch | None = None) -> tuple[Row, bool]:
        """The row of one code, and whether it was finished before. A code that fails gives a row that says so."""
        try:
            settings = self._settings(code)
            finished = None if self.force else self._finished(code, settings)
            if finished is not None:
                return finished, True
            return self._made(code, settings, verify, watch), False
        except MdlcodecError as error:
            return Row(code, failed=str(error)), False
        except MemoryError:
            return Row(code, failed="out of memory; choose a lower preset, or less data with --limit"), False

    def _paths(self, code: str) -> tuple[Path, Path]:
        return self.folder / f"{code}.mdl", self.folder / f"{code}.json"

    def _settings(self, code: str) -> dict[str, Any]:
        """All that a row depends on. Raises BadData where the code has no network for these inputs."""
        from mdlcodec.codes import code_named

        chosen = code_named(code)
        settings = chosen.settings("auto", self.preset, self.seed, self.dataset.inputs, self.classes)
        return {
            "version": mdlcodec.__version__,
            "data": dataset_digest(self.dataset),
            "limit": self.limit,
            "code": code,
            "net": chosen.net_name(settings),
            "preset": self.preset,
            "seed": self.seed,
        }

    def _finished(self, code: str, settings: dict[str, Any]) -> Row | None:
        """The row of a record, if it is of the same settings and its file is the one it was made of."""
        path, record_path = self._paths(code)
        record = _record(record_path)
        try:
            if record is None or record["settings"] != settings:
                return None
            blob = path.read_bytes()
            if record["sha256"] != _sha256(blob):
                return None
            row = Row(**record["row"] | {"file": str(path)})  # the folder may have moved
        except (OSError, KeyError, TypeError):
            return None
        if row.bytes != len(blob) or row.failed is not None:
            return None
        if record.get("test") != self._test_digest():
            row = replace(row, test_accuracy=self._accuracy(blob))
            _write_whole(record_path, self._recorded(row, settings, blob))
        return row

    def _made(self, code: str, settings: dict[str, Any], verify: Verify, watch: Watch | None) -> Row:
        """The row of a file that is encoded, and decoded in a fresh process, before it goes to its place."""
        from mdlcodec import labels as label_files

        path, record_path = self._paths(code)
        blob, run = label_files.encode(
            self.dataset,
            code=code,
            preset=self.preset,
            seed=self.seed,
            device=self.device,
            limits=self.limits,
            watch=watch,
        )
        temporary = _temporary(path)
        try:
            temporary.write_bytes(blob)
            seconds = verify(temporary, self.labels)
            row = Row(
                code,
                settings["net"],
                len(blob),
                len(blob) * 8 / 1000,
                len(blob) / self.uniform_bytes if self.uniform_bytes else None,
                run.ideal_bits,
                run.objective_bits,
                run.training_error,
                self._accuracy(blob),
                run.seconds,
                seconds,
                str(path),
                made_with=_made_with(),
            )
            _write_whole(record_path, self._recorded(row, settings, blob))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return row

    def _recorded(self, row: Row, settings: dict[str, Any], blob: bytes) -> bytes:
        record = {
            "settings": settings,
            "sha256": _sha256(blob),
            "test": self._test_digest(),
            "row": asdict(row),
        }
        return json.dumps(record, indent=1).encode() + b"\n"

    def _test_digest(self) -> str | None:
        return None if self.test is None else dataset_digest(self.test)

    def _accuracy(self, blob: bytes) -> float | None:
        """Of the network in a file, on the test examples; None where there is no network, or no examples."""
        from mdlcodec import labels as label_files
        from mdlcodec.codes.transmitted import TransmittedNetwork
        from mdlcodec.exact.choice import computing_on
        from mdlcodec.report.accuracy import accuracy

        file = label_files.parse(blob)
        if self.test is None or not isinstance(file.code, TransmittedNetwork):
            return None
        network = file.code.weights(file.payload, file.k, self.dataset.inputs, file.settings)
        if network is None:
            return None
        with computing_on(self.device):
            return accuracy(network, file.header.values, self.test)


def ordered_codes(names: Sequence[str] | None) -> list[str]:
    """Codes of these names, all of them for None, as the paper's table orders them. Raises BadData."""
    from mdlcodec.codes import CODES, code_named

    chosen = {code_named(name).name for name in (CODES if names is None else names)}
    if not chosen:
        raise BadData(f"no code to compare; choose some of {','.join(CODES)}")
    return [name for name in dict.fromkeys((*_ORDER, *CODES)) if name in chosen]


def _made_with() -> dict[str, str | int]:
    import torch

    versions: dict[str, str | int] = {"mdlcodec": mdlcodec.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in ("torch", "numpy", "numba")}
    return versions | {"threads": torch.get_num_threads()}


def dataset_digest(dataset: Dataset) -> str:
    """SHA-256 of inputs and labels, their dtype and form included."""
    labels = dataset.labels
    assert labels is not None
    array = labels.array()
    digest = hashlib.sha256(dataset.inputs.digest)
    digest.update(repr((array.dtype.str, labels.n, labels.form, labels.column)).encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def _sha256(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _record(path: Path) -> dict[str, Any] | None:
    """What a comparison wrote of a file; None for anything else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"settings", "sha256", "row"} <= found.keys() else None


def _temporary(path: Path) -> Path:
    return path.with_name(f".mdlcodec-{secrets.token_hex(8)}.tmp")


def _write_whole(path: Path, data: bytes) -> None:
    """The file appears whole or not at all."""
    temporary = _temporary(path)
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
