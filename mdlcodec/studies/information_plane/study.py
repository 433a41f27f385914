"""The information plane of a training, by several estimators side by side, with the controls beside it
(Shwartz-Ziv et al. 2018; Saxe et al. 2018; Goldfeld et al. 2019).

One process with one thread trains a run, or estimates a checkpoint, so that everything is the same for any
number of processes; files of labels are decoded by another process than wrote them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.data.arrays import array_digest
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.plane_records import PlaneMoment, PlanePath
from mdlcodec.report.plane_table import PlaneTable
from mdlcodec.studies.information_plane.activations import Activations, activations_of, read_activations
from mdlcodec.studies.information_plane.estimators import Estimate
from mdlcodec.studies.information_plane.examples import PLAIN, Problem, examples_of
from mdlcodec.studies.information_plane.ranges import Extent, range_of
from mdlcodec.studies.information_plane.run import keep_examples, plain
from mdlcodec.studies.information_plane.settings import Asked
from mdlcodec.studies.information_plane.tables import table_of
from mdlcodec.studies.information_plane.theorem1 import is_vacuous, squared_gap_bound
from mdlcodec.studies.information_plane.transition import signal_to_noise
from mdlcodec.studies.information_plane.work import PlannedRun, SideBySide, Told, rounded
from mdlcodec.studies.trained_files import processes
from mdlcodec.version import VERSION


def plane(
    x: object,
    y: object = None,
    x_test: object = None,
    y_test: object = None,
    *,
    net: str | None = None,
    activation: str = "tanh",
    optimiser: str = "sgd",
    rate: float | None = None,
    batch: int | None = None,
    epochs: int | None = None,
    seeds: int | None = None,
    control: Sequence[str] = (),
    checkpoints: int = 30,
    estimate: Sequence[str] | None = None,
    variance: float | None = None,
    beta: float = 0.1,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> PlaneTable:
    """Trains networks exactly and looks at what their layers tell of x and y, at checkpoints.

    x: "symmetric", the 12-bit set of Shwartz-Ziv & Tishby, or inputs (n, ...) with labels y (n,); x_test,
    y_test: test examples, by default the last fifth, which is not trained on. net: widths of hidden layers as
    "500-250", or a name of the zoo; activation: tanh or relu; optimiser: sgd, momentum or adam, at ``rate``;
    batch: examples a step; epochs, seeds: how many. control: "random-labels" and "full-batch" are run beside.
    checkpoints: evenly spaced in the logarithm of steps. estimate: names of estimators, all by default.
    variance: of kernels, sigma^2; beta: deviation of the noisy network's noise. folder: where everything is
    kept, and gone on from; jobs: processes; progress: is given lines of text. What is None has a default that
    suits the data.

    Raises BadData for what cannot be studied, MdlcodecError for a folder of another study.
    """
    problem = Problem.of(x, y, x_test, y_test)
    asked = Asked.checked(
        problem,
        net,
        activation,
        optimiser,
        rate,
        batch,
        epochs,
        seeds,
        control,
        checkpoints,
        estimate,
        variance,
        beta,
    )
    most = processes(jobs)
    with temporary_folder() as beside:
        root = beside if folder is None else Path(folder)
        runs, held = [], {}
        for name in (PLAIN, *asked.controls):
            held[name] = examples_of(problem, name)
            keep_examples(beside / f"examples-{name or 'plain'}.npz", held[name])
            digests = {what: array_digest(array).hex() for what, array in vars(held[name]).items()}
            settings = {"version": VERSION, "study": "plane", "examples": digests}
            for seed in range(asked.seeds):
                recipe = asked.recipe(problem, name, seed)
                path = root / (f"{name}-seed-{seed}" if name else f"seed-{seed}")
                task = {
                    "examples": str(beside / f"examples-{name or 'plain'}.npz"),
                    "folder": str(path.absolute()),
                    "recipe": plain(recipe),
                    "settings": settings,
                }
                runs.append(PlannedRun(name, seed, path, task, settings, recipe.steps))
        study = SideBySide(asked, most, progress)
        after = study.trained(runs)
        records = {run.name: run.folder.records() for run in runs}
        ranges = {run.name: _ranges(records[run.name]) for run in runs if asked.names}
        estimates = study.estimated(runs, ranges)
    moments = tuple(moment for run in runs for moment in _moments(run, records[run.name]))
    told = tuple(
        {"control": run.control, "seed": run.seed, "trained_again": one["trained_again"], **one["after"]}
        for run, one in zip(runs, after, strict=True)
    )
    m = len(held[PLAIN].x)
    layers = tuple(ranges[runs[0].name]) if asked.names else ()
    paths = _paths(runs, layers, asked.names, estimates, m)
    steps = {run.control: run.steps for run in runs}
    classes = held[PLAIN].y_measured
    return table_of(steps, layers, paths, moments, told, problem.curve(), classes, m, asked.told(problem))


def plane_of_activations(
    source: str | os.PathLike[str] | Mapping[str, np.ndarray],
    *,
    estimate: Sequence[str] | None = None,
    variance: float | None = None,
    beta: float = 0.1,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> PlaneTable:
    """The same estimates of activations of any framework's run, in an .npz file or as arrays by name:
    LAYER/CHECKPOINT (n, d), y (n,), and ``trained`` (n,), which rows were trained on, if that is known. The rest as
    `plane`."""
    held = activations_of(source) if isinstance(source, Mapping) else read_activations(os.fspath(source))
    asked = Asked.of_activations(estimate, variance, beta)
    most = processes(jobs)
    ranges = {layer: range_of(held.extents(layer)) for layer in held.layers}
    with temporary_folder() as beside:
        path = (beside if folder is None else Path(folder)) / "activations"
        settings = {"version": VERSION, "study": "plane", "activations": _digest(held)}
        if isinstance(source, Mapping):
            file = beside / "activations.npz"
            np.savez(file, allow_pickle=False, **source)  # type: ignore[arg-type]
        else:
            file = Path(source).absolute()
        task = {"activations": str(file)}
        run = PlannedRun(PLAIN, 0, path, task, settings, tuple(held.steps))
        path.mkdir(parents=True, exist_ok=True)
        estimates = SideBySide(asked, most, progress).estimated([run], {run.name: ranges})
    paths = _paths([run], tuple(held.layers), asked.names, estimates, 0)
    told: dict[str, Any] = {"sample": len(held.sample), "trained_stated": held.stated}
    told |= {"variance": asked.variance, "beta": asked.beta}
    return table_of({PLAIN: run.steps}, tuple(held.layers), paths, (), (), (), held.classes, 0, told)


def _digest(held: Activations) -> str:
    arrays = [held.classes, held.sample, *(a for own in held.arrays.values() for a in own.values())]
    return array_digest(np.frombuffer(b"".join(map(array_digest, arrays)), np.uint8)).hex()


def _ranges(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    names = records[0]["extents"]
    return {name: range_of(Extent(*record["extents"][name]) for record in records) for name in names}


def _moments(run: PlannedRun, records: Sequence[Mapping[str, Any]]) -> list[PlaneMoment]:
    found = []
    for record in records:
        layers = {
            name: {
                "norm": of["norm"],
                "moved": of["moved"],
                "signal_to_noise": signal_to_noise(of["gradient_mean"], of["gradient_deviation"]),
            }
            for name, of in record["layers"].items()
        }
        told = {
            name: record[name] for name in ("training_loss", "training_error", "test_loss", "test_error")
        } | {
            "signal_to_noise": signal_to_noise(record["gradient_mean"], record["gradient_deviation"]),
            "norm": math.hypot(*(of["norm"] for of in record["layers"].values())),
            "moved": math.hypot(*(of["moved"] for of in record["layers"].values())),
            "layers": layers,
        }
        known = {"control": run.control, "seed": run.seed, "step": record["step"], "digest": record["digest"]}
        found.append(PlaneMoment(**known, **rounded(told)))
    return found


def _paths(
    runs: Sequence[PlannedRun],
    layers: Sequence[str],
    names: Sequence[str],
    estimates: Mapping[tuple[str, int], Mapping[str, Any]],
    m: int,
) -> tuple[PlanePath, ...]:
    found = []
    for run in runs:
        for layer in layers:
            for name in names:
                own = [Estimate(*estimates[run.name, step][layer][name]) for step in run.steps]
                ixt = [one.ixt for one in own if one.ixt is not None]
                once = [one.once for one in own if one.once is not None]
                found.append(
                    PlanePath(
                        control=run.control,
                        seed=run.seed,
                        layer=layer,
                        estimator=name,
                        n=own[0].n,
                        ixt=tuple(ixt) if ixt else None,
                        iyt=tuple(one.iyt for one in own),
                        once=tuple(once) if once else None,
                        saturated=tuple(one.saturated for one in own),
                        gap_bound=tuple(rounded([squared_gap_bound(i, m) for i in ixt]))
                        if ixt and m
                        else None,
                        vacuous=tuple(is_vacuous(i, m) for i in ixt) if ixt and m else None,
                    )
                )
    return tuple(found)
