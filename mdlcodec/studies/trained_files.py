"""Files of trained networks side by side: what studies of them have in common.

Each point trains on one thread, so that the files are the same for any number of processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.data.arrays import array_digest
from mdlcodec.data.dataset import Labels
from mdlcodec.data.labels import labels_of_array
from mdlcodec.errors import BadData
from mdlcodec.studies.folder import StudyFolder
from mdlcodec.studies.jobs import Job, run_side_by_side
from mdlcodec.studies.probing import Told, cores
from mdlcodec.version import VERSION

_HELD_OUT = 5  # one example in so many, where none are given to test on


@dataclass(frozen=True)
class Sets:
    """Examples to train on, x (n, ...) with labels, and to test on."""

    x: np.ndarray
    labels: Labels
    x_test: np.ndarray
    y_test: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, x_test: np.ndarray | None, y_test: np.ndarray | None) -> Sets:
        """Where none are given to test on, the last fifth, which is not trained on. Raises BadData for sets that
        nothing can be learned or tested on."""
        if (x_test is None) != (y_test is None):
            raise BadData("test examples and their labels go together; give both, or neither")
        if x_test is None or y_test is None:
            kept = len(x) - len(x) // _HELD_OUT
            if kept == len(x):
                raise BadData(f"{len(x)} examples are too few to hold some back; give test examples")
            x, y, x_test, y_test = x[:kept], y[:kept], x[kept:], y[kept:]
        labels = labels_of_array(y, len(x))
        if len(labels.values) < 2:
            raise BadData("y is constant: there is nothing to learn; give labels of two classes or more")
        if not np.isin(y_test, labels.values).all():
            raise BadData("the test examples have labels that no training example has; leave those out")
        return cls(x, labels, x_test, y_test)


def processes(jobs: int | None) -> int:
    """How many run side by side: as many as cores by default. Raises BadData for less than one."""
    most = cores() if jobs is None else jobs
    if most < 1:
        raise BadData(f"jobs is {jobs!r}; give how many processes, 1 or more")
    return most


@dataclass(frozen=True)
class FilePoint:
    """One file: ``data`` is the name of what is held for it, ``task`` what is asked of a worker besides
    (studies.tasks), ``facts`` what else its record says of it."""

    name: str
    data: str
    seed: int
    task: Mapping[str, Any] = field(hash=False)
    facts: Mapping[str, Any] = field(hash=False)


class TrainedFiles:
    """The files of a study and their records."""

    def __init__(self, study: str, of: str, folder: Path, beside: Path) -> None:
        """``study``: its name; ``of``: what workers do (studies.tasks); ``beside``: where the data is meanwhile."""
        self._study, self._of, self._folder, self._beside = study, of, StudyFolder(folder), beside
        self._digests: dict[str, dict[str, str]] = {}
        self._held: dict[str, dict[str, str]] = {}  # where the data is, by the names that tasks have for it

    def hold_text(self, name: str, text: bytes) -> None:
        """A text for the processes, by a name."""
        path = self._beside / f"{name}.txt"
        path.write_bytes(text)
        self._digests[name] = {"text": hashlib.sha256(text).hexdigest()}
        self._held[name] = {"text": str(path)}

    def hold(self, name: str, x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> None:
        """Data for the processes, by a name."""
        self._digests[name], self._held[name] = {}, {}
        for part, arrays in (("training", (x, y)), ("test", (x_test, y_test))):
            path = self._beside / f"{name}-{part}.npz"
            np.savez(path, x=arrays[0], y=arrays[1])
            self._held[name][part] = str(path)
            for what, array in zip("xy", arrays, strict=True):
                digest = array_digest(np.ascontiguousarray(array)).hex()
                self._digests[name][f"{part} {what}"] = digest

    def records(
        self, points: Sequence[FilePoint], jobs: int, progress: Told | None
    ) -> dict[str, dict[str, Any]]:
        """What is known of every point, by its name, made now or before. Raises MdlcodecError for a folder of
        another study, and of the first that fails."""
        settings = {point.name: self._settings(point) for point in points}
        self._folder.check(settings)
        self._folder.path.mkdir(exist_ok=True, parents=True)
        found = {}
        for name, held in settings.items():
            known = self._folder.known(name, held)
            if known is not None:
                found[name] = known
        tasks = [Job(point.name, partial(self._task, point)) for point in points if point.name not in found]
        for job, told in run_side_by_side(tasks, jobs, one_thread=True):
            found[job.name] = record = self._folder.keep(job.name, settings[job.name], told)
            if progress is not None:
                error = "" if record.get("test_error") is None else f", test error {record['test_error']:.4g}"
                progress(len(found), len(points), f"{job.name}: {record['bytes']:,} bytes{error}")
        return found

    def _settings(self, point: FilePoint) -> dict[str, Any]:
        """All that a point depends on."""
        return {
            "version": VERSION,
            "study": self._study,
            "seed": point.seed,
            **point.task,
            **point.facts,
            **self._digests[point.data],
        }

    def _task(self, point: FilePoint) -> dict[str, Any]:
        return {
            "of": self._of,
            **self._held[point.data],
            "file": str(self._folder.file(point.name).absolute()),
            "seed": point.seed,
            **point.task,
        }
