"""Files of trained networks side by side: what studies of them have in common.

Each point trains on one thread, so that the files are the same for any number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.data.arrays import array_digest
from mdlcodec.studies.folder import StudyFolder
from mdlcodec.studies.jobs import Job, run_side_by_side
from mdlcodec.studies.probing import Told
from mdlcodec.version import VERSION


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

    def hold(self, name: str, x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> None:
        """Data for the processes, by a name."""
        self._digests[name] = {}
        for part, arrays in (("training", (x, y)), ("test", (x_test, y_test))):
            np.savez(self._beside / f"{name}-{part}.npz", x=arrays[0], y=arrays[1])
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
        tasks = [
            Job(point.name, partial(self._task, point), _nothing)
            for point in points
            if point.name not in found
        ]
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
            "training": str(self._beside / f"{point.data}-training.npz"),
            "test": str(self._beside / f"{point.data}-test.npz"),
            "file": str(self._folder.file(point.name).absolute()),
            "seed": point.seed,
            **point.task,
        }


def _nothing() -> None:
    """Nothing is to be cleared away."""
