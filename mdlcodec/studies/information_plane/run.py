"""A run's folder: the weights at each checkpoint with what was recorded of them, so that training goes on
from there."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.errors import CorruptFile, MdlcodecError
from mdlcodec.studies.folder import StudyFolder
from mdlcodec.studies.information_plane.after_transition import after_transition
from mdlcodec.studies.information_plane.training import Course, Examples, Recipe, facts, followed

_AGAIN = 20  # the first part of a training, one in so many steps, is repeated by another process


def name_of(step: int) -> str:
    """Of a checkpoint's files: in the order of steps."""
    return f"step-{step:08d}"


class RunFolder:
    """Of one training. ``settings``: all that its weights depend on."""

    def __init__(self, path: Path, recipe: Recipe, settings: Mapping[str, Any]) -> None:
        self._kept, self._recipe, self._settings = StudyFolder(path, ".npz"), recipe, settings

    def check(self) -> None:
        """Raise MdlcodecError where the folder is none, or holds a run with other settings."""
        self._kept.check({name_of(step): self._of(step) for step in self._recipe.steps})

    def records(self) -> list[dict[str, Any]]:
        """Of the checkpoints that are finished, in order, up to the first that is not."""
        found = []
        for step in self._recipe.steps:
            record = self._kept.known(name_of(step), self._of(step))
            if record is None:
                break
            found.append(record)
        return found

    def train(self, examples: Examples, measured: bool, tell: Callable[[str], None]) -> None:
        """From the last finished checkpoint to the last one; see `training.facts`."""
        self._kept.path.mkdir(parents=True, exist_ok=True)
        course, steps = Course(self._recipe, examples), self._recipe.steps
        start, done = course.matrices(), len(self.records())
        if done:
            self.restore(course, steps[done - 1])
        for step in steps[done:]:
            followed(course, step, tell)
            file = io.BytesIO()
            np.savez(file, allow_pickle=False, **course.saved())  # type: ignore[arg-type]
            self._kept.write(f"{name_of(step)}.npz", file.getvalue())
            self._kept.keep(name_of(step), self._of(step), facts(course, examples, start, measured))

    def restore(self, course: Course, step: int) -> None:
        """The course as it was at that checkpoint. Raises CorruptFile."""
        path = self._kept.file(name_of(step))
        try:
            with np.load(path, allow_pickle=False) as held:
                course.restore(dict(held))
        except (OSError, ValueError) as error:
            raise CorruptFile(f"cannot read {str(path)!r}; remove the folder to start again") from error

    def repeat(self, examples: Examples) -> int:
        """Trains the first part again and returns how many checkpoints had the same digests. Raises
        MdlcodecError where one differs."""
        course, compared = Course(self._recipe, examples), 0
        for step, record in zip(self._recipe.steps, self.records(), strict=True):
            if step * _AGAIN > self._recipe.steps[-1] and compared > 1:
                break
            for _ in course.advance(step):
                pass
            if course.digest != record["digest"]:
                raise MdlcodecError(f"step {step:,} of a training gave other weights; please report it")
            compared += 1
        return compared

    def after_transition(self, examples: Examples) -> dict[str, Any]:
        """See `after_transition.after_transition`."""
        course, weights = Course(self._recipe, examples), []
        for step in self._recipe.steps:
            self.restore(course, step)
            weights.append(course.matrices())
        return after_transition(self.records(), weights)

    def _of(self, step: int) -> dict[str, Any]:
        return {**self._settings, **plain(self._recipe), "step": step}


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON has it."""
    return asdict(recipe) | {"steps": list(recipe.steps)}


def recipe_of(told: Mapping[str, Any]) -> Recipe:
    """The other way."""
    return Recipe(**{**told, "steps": tuple(told["steps"])})


def keep_examples(path: Path, examples: Examples) -> None:
    """Writes them where processes read them."""
    np.savez(path, allow_pickle=False, **vars(examples))  # type: ignore[arg-type]


def kept_examples(path: str) -> Examples:
    """The other way."""
    with np.load(path, allow_pickle=False) as held:
        return Examples(**dict(held))
