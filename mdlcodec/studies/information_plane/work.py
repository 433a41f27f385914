"""Trainings and estimates, done side by side by processes with one thread each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mdlcodec.studies.folder import StudyFolder
from mdlcodec.studies.information_plane.run import RunFolder, recipe_of
from mdlcodec.studies.information_plane.settings import Asked
from mdlcodec.studies.jobs import Job, run_side_by_side

Told = Callable[[str], None]
DIGITS = 9  # significant ones of every number


@dataclass(frozen=True)
class PlannedRun:
    """A training, or activations: what tasks are told, and where its files are."""

    control: str
    seed: int
    path: Path
    task: Mapping[str, Any]
    settings: Mapping[str, Any]
    steps: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.name

    @property
    def folder(self) -> RunFolder:
        """Of a training."""
        return RunFolder(self.path, recipe_of(self.task["recipe"]), self.settings)


class SideBySide:
    """What is done side by side, in a folder."""

    def __init__(self, asked: Asked, jobs: int, progress: Told | None) -> None:
        self._asked, self._jobs = asked, jobs
        self._tell: Told = (lambda text: None) if progress is None else progress

    def trained(self, runs: Sequence[PlannedRun]) -> list[dict[str, Any]]:
        """Trains what is not there; what `after_transition` says of each run."""
        for run in runs:
            run.folder.check()
        kept = {run.name: StudyFolder(run.path, ".txt") for run in runs}
        settings = {run.name: {**run.settings, **run.task["recipe"]} for run in runs}
        found = {run.name: kept[run.name].known("digests", settings[run.name]) for run in runs}
        jobs = []
        for run in runs:
            if found[run.name] is None:
                file = kept[run.name].file("digests").absolute()
                task = {
                    **run.task,
                    "of": "plane_training",
                    "file": str(file),
                    "measured": bool(self._asked.names),
                }
                jobs.append(Job(run.name, partial(dict, task)))
        for job, told in run_side_by_side(jobs, self._jobs, one_thread=True, tell=self._tell):
            facts = rounded({"after": told["after"]}) | {"trained_again": told["trained_again"]}
            found[job.name] = kept[job.name].keep("digests", settings[job.name], facts)
        return [dict(found[run.name] or {}) for run in runs]

    def estimated(
        self, runs: Sequence[PlannedRun], ranges: Mapping[str, Mapping[str, tuple[float, float]]]
    ) -> dict[tuple[str, int], dict[str, Any]]:
        """Each layer's estimates, by the run's name and the step; ``ranges``: of layers, by run."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        waiting: dict[str, tuple[PlannedRun, int, StudyFolder, dict[str, Any]]] = {}
        jobs, asked = [], self._asked
        own = {"estimators": list(asked.names), "variance": asked.variance, "beta": asked.beta}
        for run in runs if asked.names else ():
            kept = StudyFolder(run.path, ".zip")
            for step in run.steps:
                name, bounds = f"estimates-{step:08d}", {n: list(r) for n, r in ranges[run.name].items()}
                settings = {
                    **run.settings,
                    **run.task.get("recipe", {}),
                    **own,
                    "step": step,
                    "ranges": bounds,
                }
                kept.check({name: settings})
                known = kept.known(name, settings)
                if known is not None:
                    found[run.name, step] = known["estimates"]
                    continue
                file = str(kept.file(name).absolute())
                task = {
                    **run.task,
                    **own,
                    "of": "plane_estimates",
                    "step": step,
                    "ranges": bounds,
                    "file": file,
                }
                job = Job(f"{run.name}, step {step:,}", partial(dict, task))
                waiting[job.name] = run, step, kept, settings
                jobs.append(job)
        total = len(jobs) + len(found)
        for job, told in run_side_by_side(jobs, self._jobs, one_thread=True):
            run, step, kept, settings = waiting[job.name]
            facts = {"estimates": rounded(told["estimates"]), "decoded": told["decoded"]}
            found[run.name, step] = kept.keep(f"estimates-{step:08d}", settings, facts)["estimates"]
            self._tell(f"estimates: {len(found):,} of {total:,} checkpoints")
        return found


def rounded(value: Any) -> Any:
    """The same with `DIGITS` significant digits in every number, in dicts, lists and tuples."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
