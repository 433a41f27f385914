"""Every code on one data set: a file each, decoded before it counts, kept with what is known of it.

A row of the comparison is a file FOLDER/CODE.mdl and its record FOLDER/CODE.json. The record is written first and
names the digest of its file, so that a row is either finished or not, whenever the program ends. A file is decoded
again if this user's own run did not write its record.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.files.temporary import temporary_file
from mdlcodec.limits import DEFAULT_LIMITS, Limits
from mdlcodec.report import record as records
from mdlcodec.report.information import mutual_information
from mdlcodec.report.row import MEASURED, Row, made_with, row_of
from mdlcodec.version import VERSION

if TYPE_CHECKING:
    from mdlcodec.codes import Learned
    from mdlcodec.data import Dataset, Labels
    from mdlcodec.files.runs import Watch
    from mdlcodec.report.accuracy import Examples

# as in Blier & Ollivier 2018, Table 1, with the codes of sections 3.1 to 3.4 that it leaves out
_ORDER = ("uniform", "two-part-raw", "two-part", "subspace", "variational", "prequential", "switching")

_MOST_BYTES_OF_OTHERS = 1 << 28  # a larger file is made again rather than read

Verify = Callable[[Path, "Labels"], float]
"""Decodes a file in a fresh process; its seconds. Raises MdlcodecError unless these labels come back."""


@dataclass(frozen=True)
class Comparison:
    """One data set under the same preset and seed for every code, whose files go to ``folder``.

    ``test``: examples that accuracy is measured on (accuracy.examples_of); ``force``: finished rows are
    made again; ``key``: records sealed with it are believed (see seal.kept_key), by default none.
    """

    dataset: Dataset
    folder: Path
    preset: int
    seed: int = 0
    limit: int | None = None
    device: str = "auto"
    limits: Limits = DEFAULT_LIMITS
    test: Examples | None = None
    force: bool = False
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def labels(self) -> Labels:
        """The labels that are coded."""
        return self.dataset.class_labels

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
        for file, record in map(self._paths, codes):
            for path in (file, record):
                if os.path.lexists(path) and not path.is_file():
                    raise MdlcodecError(f"{str(path)!r} is no file; choose another -o")
            known = records.read(record)
            if not self.force and known is None and (file.exists() or record.exists()):
                raise MdlcodecError(
                    f"{str(self.folder)!r} has a {file.name} or {record.name} that is not of a comparison; "
                    "choose another -o, or overwrite it with -f"
                )
            if not self.force and known is not None and self._would_be_lost(known["settings"]):
                raise MdlcodecError(
                    f"{str(file)!r} was made of other data or with another preset, seed or --limit; choose another "
                    "-o, or overwrite it with -f"
                )

    def row(self, code: str, verify: Verify, watch: Watch | None = None) -> tuple[Row, bool]:
        """The row of one code, and whether it was finished before. A code that fails gives a row that says so."""
        try:
            settings = self._settings(code)
            finished = None if self.force else self._finished(code, settings, verify)
            if finished is not None:
                return finished, True
            return self._made(code, settings, verify, watch), False
        except MdlcodecError as error:
            return Row(code, failed=str(error)), False
        except OSError as error:
            return Row(code, failed=f"{str(self.folder)!r} cannot be written to: {error.strerror}"), False
        except MemoryError:
            return Row(code, failed="out of memory; choose a lower preset, or less data with --limit"), False

    def _paths(self, code: str) -> tuple[Path, Path]:
        return self.folder / f"{code}.mdl", self.folder / f"{code}.json"

    def _settings(self, code: str) -> dict[str, Any]:
        """All that a row depends on. Raises BadData where the code has no network for these inputs."""
        from mdlcodec.codes import code_named

        chosen = code_named(code)
        settings = chosen.settings("auto", self.preset, self.seed, self.dataset.inputs, self.labels.target)
        named = {"version": VERSION, "code": code, "net": chosen.net_name(settings)}
        return named | self._origin()

    def _origin(self) -> dict[str, Any]:
        """What all rows share: the data and the effort."""
        return {
            "data": dataset_digest(self.dataset),
            "limit": self.limit,
            "preset": self.preset,
            "seed": self.seed,
        }

    def _would_be_lost(self, settings: dict[str, Any]) -> bool:
        """Whether these settings are of a file that took time, and of other data or of another effort."""
        ours = self._origin()
        return settings.get("net") is not None and any(settings.get(name) != ours[name] for name in ours)

    def _finished(self, code: str, settings: dict[str, Any], verify: Verify) -> Row | None:
        """The row of a record, if it is of the same settings and its file is the one it was made of.

        Where somebody else wrote the record, what the file itself tells once it is decoded again.
        """
        path, record_path = self._paths(code)
        known = records.read(record_path)
        if known is None or known["settings"] != settings:
            return None
        is_own = records.is_sealed(known, self.key)
        size = known["row"].get("bytes") if is_own else min(self.limits.memory // 8, _MOST_BYTES_OF_OTHERS)
        blob = records.read_regular(path, size) if isinstance(size, int) else None
        if blob is None or not self._is_ours(blob, code):
            return None
        if not is_own:
            return self._of_somebody_else(code, settings, blob, verify)
        if known["sha256"] != records.sha256(blob):
            return None
        try:
            row = self._row(code, settings["net"], blob, known["row"])
        except (KeyError, ValueError):
            return None
        if known.get("test") != self._test_digest():
            row = replace(row, test_accuracy=self._accuracy(blob))
            self._keep(row, settings, blob)
        return row

    def _row(self, code: str, net: str | None, blob: bytes, measured: dict[str, Any]) -> Row:
        """See row_of."""
        information = mutual_information(self.labels, len(blob))
        return row_of(code, net, self._paths(code)[0], len(blob), self.uniform_bytes, information, measured)

    def _of_somebody_else(
        self, code: str, settings: dict[str, Any], blob: bytes, verify: Verify
    ) -> Row | None:
        """The row of a file that was decoded just now; None if it does not give the labels."""
        path, _ = self._paths(code)
        with temporary_file(path.parent) as temporary:
            temporary.write_bytes(blob)
            try:
                seconds = verify(temporary, self.labels)
            except MdlcodecError:
                return None
        measured = dict.fromkeys(MEASURED) | {
            "test_accuracy": self._accuracy(blob),
            "decode_seconds": seconds,
        }
        row = self._row(code, settings["net"], blob, measured)
        self._keep(row, settings, blob)
        return row

    def _keep(self, row: Row, settings: dict[str, Any], blob: bytes) -> None:
        """Write the record."""
        sealed = records.written(row, settings, blob, self._test_digest(), self.key)
        _write_whole(self._paths(row.code)[1], sealed)

    def _is_ours(self, blob: bytes, code: str) -> bool:
        """Whether a file says that it is of this data, and coded in this way."""
        from mdlcodec.codes import code_named
        from mdlcodec.files import label_file

        try:
            file = label_file.parse(blob)
        except MdlcodecError:
            return False
        inputs = self.dataset.inputs
        wanted = code_named(code).settings("auto", self.preset, self.seed, inputs, self.labels.target)
        return (file.code.name, file.settings, file.n, file.k, file.header.input_digest) == (
            code,
            wanted,
            self.labels.n,
            self.classes,
            inputs.digest[: len(file.header.input_digest)],
        )

    def _made(self, code: str, settings: dict[str, Any], verify: Verify, watch: Watch | None) -> Row:
        """The row of a file that is encoded, and decoded in a fresh process, before it goes to its place."""
        from mdlcodec.files import labels as label_files

        path, _ = self._paths(code)
        blob, run = label_files.encode(
            self.dataset,
            code=code,
            preset=self.preset,
            seed=self.seed,
            device=self.device,
            limits=self.limits,
            watch=watch,
            keep_learned=self.test is not None,
        )
        accuracy = self._accuracy(blob, run.learned)
        run = replace(run, learned=None)  # its memory is the decoder's now
        with temporary_file(path.parent) as temporary:
            temporary.write_bytes(blob)
            seconds = verify(temporary, self.labels)
            measured = {
                "ideal_bits": run.ideal_bits,
                "objective_bits": run.objective_bits,
                "training_error": run.training_error,
                "test_accuracy": accuracy,
                "encode_seconds": run.seconds,
                "decode_seconds": seconds,
                "made_with": made_with(),
            }
            row = self._row(code, settings["net"], blob, measured)
            self._keep(row, settings, blob)
            os.replace(temporary, path)
        return row

    def _test_digest(self) -> str | None:
        return None if self.test is None else dataset_digest(self.test.dataset)

    def _accuracy(self, blob: bytes, learned: Learned | None = None) -> float | None:
        """How often what a file's labels teach is right on the test examples; None where nothing is learned, or
        there are none. ``learned``: on the way, if it was; else it is learned again."""
        from mdlcodec.files import label_file
        from mdlcodec.files.learned import Answers, learn_again

        file = label_file.parse(blob)
        if self.test is None or file.net is None:
            return None
        if learned is None:
            answers = learn_again(
                file, self.dataset.inputs, self.labels, device=self.device, limits=self.limits
            )
        else:
            answers = Answers(learned, self.device)
        return answers.accuracy(self.test.features, self.test.classes)


def ordered_codes(names: Sequence[str] | None) -> list[str]:
    """Codes of these names, all of them for None, as the paper's table orders them. Raises BadData."""
    from mdlcodec.codes import CODES, code_named

    chosen = {code_named(name).name for name in (CODES if names is None else names)}
    if not chosen:
        raise BadData(f"no code to compare; choose some of {','.join(CODES)}")
    return [name for name in dict.fromkeys((*_ORDER, *CODES)) if name in chosen]


def dataset_digest(dataset: Dataset) -> str:
    """SHA-256 of inputs and labels, their dtype and form included."""
    labels = dataset.labels
    assert labels is not None
    array = labels.array()
    digest = hashlib.sha256(dataset.inputs.digest)
    digest.update(repr((array.dtype.str, labels.n, labels.form, labels.column)).encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def _write_whole(path: Path, data: bytes) -> None:
    """The file appears whole or not at all."""
    with temporary_file(path.parent) as temporary:
        temporary.write_bytes(data)
        os.replace(temporary, path)
