"""Probes: what the representations in layers tell of labels, as lengths of files (Voita & Titov 2020, "Information-
Theoretic Probing with Minimum Description Length"), with the control tasks of Hewitt & Liang 2019.

Every run is a file in a folder with a record beside it, so that a study that was ended goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET, PROBE_PRESET
from mdlcodec.data.array_likes import as_array
from mdlcodec.data.arrays import array_digest
from mdlcodec.data.dataset import quoted
from mdlcodec.data.labels import labels_of_array
from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.information import label_entropy
from mdlcodec.report.probe_table import ProbeRow, ProbeTable
from mdlcodec.studies.folder import StudyFolder
from mdlcodec.studies.jobs import Job, run_side_by_side
from mdlcodec.version import VERSION

LABELS, CONTROL = "labels", "control"

Told = Callable[[int, int, str], None]
"""Is told runs done, runs in all, and what the last one gave."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """Representations (n, d) by a name; ``slug``: what its files are called."""

    name: str
    x: np.ndarray
    slug: str
    digest: str


@dataclass(frozen=True)
class _Run:
    """One file of the study."""

    layer: _Layer
    task: str
    seed: int

    @property
    def name(self) -> str:
        """Of its file, without the ending."""
        return f"{self.layer.slug}-{self.task}-{self.seed}"


def probe(
    layers: Mapping[str, object] | Iterable[tuple[str, object]],
    y: object,
    *,
    control: object = False,
    seeds: int = 1,
    folder: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    preset: int | None = None,
    progress: Told | None = None,
) -> ProbeTable:
    """See `mdlcodec.probe`."""
    found = _layers(layers)
    labels, types = _labels(y, found), _types(control, found[0].x.shape[0])
    if isinstance(seeds, bool) or not isinstance(seeds, int | np.integer) or seeds < 1:
        raise BadData(f"seeds is {seeds!r}; give how many, 1 or more")
    most = cores() if workers is None else workers
    if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 1:
        raise BadData(f"workers is {workers!r}; give how many processes, 1 or more")
    if preset is not None and preset not in range(LOWEST_PRESET, HIGHEST_PRESET + 1):
        raise BadData(
            f"no preset {preset!r}; choose one of {LOWEST_PRESET} to {HIGHEST_PRESET}, or leave it out"
        )
    tasks = [LABELS] if types is None else [LABELS, CONTROL]
    runs = [_Run(layer, task, seed) for layer in found for task in tasks for seed in range(seeds)]
    answers = {
        (task, seed): labels if task == LABELS else drawn(labels, types, seed)
        for task in tasks
        for seed in range(seeds)
    }
    with temporary_folder() as beside:
        kept = beside if folder is None else Path(folder)
        study = _Study(kept, beside, runs, answers, preset, progress)
        study.check()
        kept.mkdir(exist_ok=True, parents=True)
        records = study.records(int(most))
    return _table(found, labels, records, tasks, seeds)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _layers(layers: Mapping[str, object] | Iterable[tuple[str, object]]) -> list[_Layer]:
    pairs = list(layers.items() if isinstance(layers, Mapping) else layers)
    if not pairs:
        raise BadData("there are no layers to probe; give representations (n, d) by name")
    found: list[_Layer] = []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str) or not pair[0]:
            raise BadData(
                "layers are a dict of representations by name, or pairs of a name and representations"
            )
        name, value = pair
        if any(name == other.name for other in found):
            raise BadData(f"two layers are called {quoted(name)}; give each a name of its own")
        x = as_array(value, f"layer {quoted(name)}")
        if x.dtype.kind not in "biuf" or x.ndim == 0 or x.size == 0:
            raise BadData(
                f"layer {quoted(name)} has dtype {x.dtype} and shape {x.shape}; give numbers, (n, d)"
            )
        if found and x.shape[0] != found[0].x.shape[0]:
            raise BadData(
                f"layer {quoted(name)} has {x.shape[0]:,} examples and layer {quoted(found[0].name)} "
                f"{found[0].x.shape[0]:,}; give the same examples to each"
            )
        columns = np.ascontiguousarray(x.reshape(x.shape[0], -1))
        slug = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-") or "layer"
        found.append(_Layer(name, columns, f"{len(found):03d}-{slug}", array_digest(columns).hex()))
    return found


def _labels(y: object, layers: Sequence[_Layer]) -> np.ndarray:
    """Classes int32 (n,)."""
    labels = labels_of_array(y, layers[0].x.shape[0])
    if labels.values.dtype.kind == "f" and np.isnan(labels.values).any():
        raise BadData("y has NaN among its labels; leave those examples out")
    if len(labels.values) < 2:
        raise BadData("y is constant: there is nothing to probe for; give labels of two classes or more")
    return labels.classes


def _types(control: object, n: int) -> np.ndarray | None:
    """What the control task draws one label for, int (n,); None without one."""
    if control is False or control is None:
        return None
    if control is True:
        return np.arange(n)
    return labels_of_array(control, n).classes


def drawn(classes: np.ndarray, types: np.ndarray | None, seed: int) -> np.ndarray:
    """Labels of the control task, int32 (n,): every type has the label of an example that is drawn for it, whatever
    its representation (Hewitt & Liang 2019)."""
    assert types is not None
    generator = np.random.Generator(np.random.Philox(key=[seed, 0x636F6E74]))
    order = generator.permutation(classes.size)
    if types.max() + 1 == classes.size:  # a label for each example: the same labels, in another order
        return classes[order][types]
    return classes[generator.integers(0, classes.size, types.max() + 1)][types]


class _Study:
    """The runs, their files and their records."""

    def __init__(
        self,
        folder: Path,
        beside: Path,
        runs: Sequence[_Run],
        answers: Mapping[tuple[str, int], np.ndarray],
        preset: int | None,
        progress: Told | None,
    ) -> None:
        self._folder, self._beside, self._runs, self._answers = StudyFolder(folder), beside, runs, answers
        self._preset, self._progress = preset, progress

    def check(self) -> None:
        """Raise MdlcodecError where the folder is none, or holds runs of another study."""
        self._folder.check({run.name: self._settings(run) for run in self._runs})

    def records(self, workers: int) -> dict[_Run, dict[str, Any]]:
        """What is known of every run, made now or before."""
        found = {}
        for run in self._runs:
            known = self._folder.known(run.name, self._settings(run))
            if known is not None:
                found[run] = known
        missing = {run.name: run for run in self._runs if run not in found}
        jobs = [
            Job(name, partial(self._begin, run), partial(self._data(run).unlink, missing_ok=True))
            for name, run in missing.items()
        ]
        for job, told in run_side_by_side(jobs, workers):
            run = missing[job.name]
            size = self._folder.file(run.name).stat().st_size
            found[run] = self._folder.keep(run.name, self._settings(run), {"bits": 8 * size, **told})
            if self._progress is not None:
                bits = f"{run.layer.name}, {run.task}, seed {run.seed}: {found[run]['bits']:,} bits"
                self._progress(len(found), len(self._runs), bits)
        return found

    def _settings(self, run: _Run) -> dict[str, Any]:
        """All that a run depends on."""
        answers = self._answers[run.task, run.seed]
        return {
            "version": VERSION,
            "layer": run.layer.name,
            "task": run.task,
            "seed": run.seed,
            "preset": self._preset,
            "x": run.layer.digest,
            "y": array_digest(answers).hex(),
        }

    def _data(self, run: _Run) -> Path:
        return self._beside / f"{run.name}.npz"

    def _begin(self, run: _Run) -> dict[str, Any]:
        """Writes the data of a run; the task of those who encode and decode them."""
        np.savez(self._data(run), x=run.layer.x, y=self._answers[run.task, run.seed])
        return {
            "of": "probes",
            "data": str(self._data(run)),
            "file": str(self._folder.file(run.name).absolute()),
            "preset": PROBE_PRESET if self._preset is None else self._preset,
            "seed": run.seed,
        }


def _table(
    layers: Sequence[_Layer],
    classes: np.ndarray,
    records: Mapping[_Run, dict[str, Any]],
    tasks: Sequence[str],
    seeds: int,
) -> ProbeTable:
    k = int(classes.max()) + 1
    uniform, rows = classes.size * float(np.log2(k)), []
    for layer in layers:
        own = {task: [records[_Run(layer, task, seed)] for seed in range(seeds)] for task in tasks}
        bits = {task: tuple(int(record["bits"]) for record in made) for task, made in own.items()}
        mean = sum(bits[LABELS]) / seeds
        control = sum(bits[CONTROL]) / seeds if CONTROL in bits else None
        rows.append(
            ProbeRow(
                layer=layer.name,
                features=layer.x.shape[1],
                bits=mean,
                ratio=mean / uniform,
                mutual_information=label_entropy(classes) - mean / classes.size,
                control_bits=control,
                selectivity=None if control is None else (control - mean) / classes.size,
                bits_by_seed=bits[LABELS],
                control_bits_by_seed=bits.get(CONTROL, ()),
                seconds=sum(float(record["seconds"]) for made in own.values() for record in made),
            )
        )
    return ProbeTable(tuple(rows), classes.size, k, seeds)
