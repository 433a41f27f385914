"""Estimates of a study of the information plane: all layers of a checkpoint, and files of labels that prove
some."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.files.temporary import write_whole
from mdlcodec.studies.information_plane.activations import read_activations
from mdlcodec.studies.information_plane.estimators import Layer, estimators
from mdlcodec.studies.information_plane.estimators.by_file import check
from mdlcodec.studies.information_plane.run import RunFolder, kept_examples, recipe_of
from mdlcodec.studies.information_plane.training import Course

_WRITTEN = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are written


def encode(task: dict[str, Any]) -> dict[str, Any]:
    """Of each layer at ``step``, each estimator's answer: [I(X;T), I(T;Y), examples, share of symbols that
    occur once]. ``file``: an archive of the files of labels, a member for each layer."""
    chosen, told = estimators(task["variance"], task["beta"]), dict[str, Any]()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name, layer in _layers(task):
            told[name] = {}
            for what in task["estimators"]:
                found = chosen[what](layer)
                told[name][what] = [found.ixt, found.iyt, found.n, found.once]
                if found.blob is not None:
                    files.writestr(zipfile.ZipInfo(_member(task, name), _WRITTEN), found.blob)
    write_whole(Path(task["file"]), archive.getvalue())
    return {"estimates": told}


def decode(task: dict[str, Any]) -> dict[str, Any]:
    """How many files gave the labels back, from activations that this process computed itself. Raises
    MdlcodecError if one does not."""
    decoded = 0
    with zipfile.ZipFile(task["file"]) as files:
        there = set(files.namelist())
        for name, layer in _layers(task) if there else ():
            if _member(task, name) in there:
                check(files.read(_member(task, name)), layer)
                decoded += 1
    return {"decoded": decoded}


def _member(task: dict[str, Any], layer: str) -> str:
    return f"{list(task['ranges']).index(layer):03d}.mdl"


def _layers(task: dict[str, Any]) -> Iterator[tuple[str, Layer]]:
    """Of the weights at a checkpoint, or as they stand in an archive of activations."""
    if "activations" in task:
        held = read_activations(task["activations"], task["step"])
        values, classes, sample = held.at(task["step"]), held.classes, held.sample
    else:
        examples, recipe = kept_examples(task["examples"]), recipe_of(task["recipe"])
        course = Course(recipe, examples)
        RunFolder(Path(task["folder"]), recipe, task["settings"]).restore(course, task["step"])
        values, classes = course.activations(examples.x_measured), examples.y_measured
        sample = examples.sample
    for name, (low, high) in task["ranges"].items():
        yield name, Layer(np.ascontiguousarray(values[name], np.float32), classes, sample, low, high)
