"""Sample efficiency: test loss and codelength against the number of examples, regularised and not.

Barth & von Petersenn 2025 find that regularised networks need fewer examples. For each n and seed there are three
files of the same targets: of the two-part code by a sparse method, the shortest over its strengths; of the
two-part code with the network as it was trained, without any penalty; and of the prequential code. For data that a
teacher draws, Theorem 2.1 stands beside the last.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.samples_table import PREQUENTIAL, REGULARISED, UNREGULARISED, SampleRow, SamplesTable
from mdlcodec.studies.frontier import STRENGTHS, spaced, strengths_of
from mdlcodec.studies.probing import Told
from mdlcodec.studies.teacher import PRECISION, TESTED, check_student, strengths_of_reals
from mdlcodec.studies.teacher_files import bits_under, filed
from mdlcodec.studies.teachers import network_named, teacher_of
from mdlcodec.studies.trained_files import FilePoint, Sets, TrainedFiles, processes

SIZES = 5  # by default
_STREAM = 0x73616D70
# trained to the end without a penalty, nothing pruned, and as many values a tensor as a codebook has
_AS_TRAINED = {"sparsify": "after-fit", "strength": 0.0, "bits": 8}


@dataclass(frozen=True)
class _Point:
    n: int
    seed: int
    kind: str
    method: str | None = None
    strength: float | None = None

    @property
    def data(self) -> str:
        return f"{self.n}-{self.seed}"

    @property
    def name(self) -> str:
        way = self.kind.replace(" ", "-")
        return f"{self.data}-{way if self.strength is None else f'{self.method}-{self.strength:.6g}'}"

    def file(self, net: str, task: Mapping[str, Any]) -> FilePoint:
        options = {"sparsify": self.method, "strength": self.strength}
        if self.kind == PREQUENTIAL:
            own: dict[str, Any] = {"code": "prequential", "net": "auto", "options": {}}
        else:
            chosen = _AS_TRAINED if self.kind == UNREGULARISED else options
            own = {"code": "two-part", "net": net, "options": chosen}
        return FilePoint(self.name, self.data, self.seed, {**task, **own}, {})


def samples(
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    *,
    n: Sequence[int] | None = None,
    net: str = "auto",
    sparsify: Sequence[str] = ("drr",),
    strengths: Mapping[str, Sequence[float]] | None = None,
    seeds: int = 3,
    preset: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> SamplesTable:
    """Files of the labels of n examples for each n and seed: regularised, not, and prequential.

    n: numbers of examples, None for five up to half of them; every seed draws the examples anew, and those of fewer
    are among those of more. net: of the two-part codes; sparsify, strengths: what regularises, of all of whose
    files the shortest counts. x, y, x_test, y_test, preset, folder, jobs, progress: as of `frontier`. Raises as
    `frontier`, and BadData where few examples lack a class.
    """
    sets = Sets.of(x, y, x_test, y_test)
    there, k = len(sets.x), len(sets.labels.values)
    least, most = max(2 * k, there // 32), max(2 * k, there // 2)
    sizes = [round(one) for one in spaced(least, most, SIZES)] if n is None else list(n)
    sizes = list(dict.fromkeys(sizes)) if n is None else sizes
    points = _points(sizes, seeds, sparsify, strengths or {})
    if max(sizes) > there:
        raise BadData(f"n is up to {max(sizes):,}, and there are {there:,} examples; choose less")
    drawn = {seed: _drawn(there, seed) for seed in range(seeds)}
    for seed, order in drawn.items():
        few = np.unique(sets.labels.classes[order[: min(sizes)]]).size
        if few < k:
            raise BadData(
                f"the {min(sizes):,} examples that seed {seed} draws have {few} of {k} classes; choose a larger n"
            )
    with temporary_folder() as beside:
        files = TrainedFiles("samples", "classes", beside if folder is None else Path(folder), beside)
        for seed, order in drawn.items():
            for size in sizes:
                rows = order[:size]
                labels = sets.labels.values[sets.labels.classes[rows]]
                files.hold(f"{size}-{seed}", sets.x[rows], labels, sets.x_test, sets.y_test)
        records = files.records([p.file(net, _task(preset)) for p in points], processes(jobs), progress)
    return SamplesTable(_rows(points, records), "bits a label")


def samples_of_teacher(
    sizes: Sequence[int] = (2, 5, 8, 1),
    student: Sequence[int] = (2, 25, 25, 1),
    *,
    sigma: float = 0.08,
    n: Sequence[int] = (30, 100, 300, 1000, 3000),
    sparsify: Sequence[str] = ("drr",),
    strengths: Mapping[str, Sequence[float]] | None = None,
    seeds: int = 3,
    preset: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> SamplesTable:
    """The same of numbers that teachers draw, each the teacher that its own file decodes to, with Theorem 2.1.

    sizes, student, sigma: as of `teacher`; all else as of `samples`. Raises as `teacher`.
    """
    check_student(sizes, student, sigma)
    points = _points(n, seeds, sparsify, strengths_of_reals(sparsify, strengths or {}))
    net = network_named(tuple(student)).name
    task = _task(preset) | {"precision": PRECISION}
    teachers = [filed(teacher_of(tuple(sizes), sigma, seed)) for seed in range(seeds)]
    known: dict[tuple[int, int], tuple[float, int]] = {}
    with temporary_folder() as beside:
        files = TrainedFiles("samples", "reals", beside if folder is None else Path(folder), beside)
        for seed, (blob, one) in enumerate(teachers):
            x, y = one.examples(max(n))
            tested = one.examples(TESTED, 1)
            for size in n:
                files.hold(f"{size}-{seed}", x[:size], y[:size], *tested)
                known[size, seed] = bits_under(one, x[:size], y[:size]), len(blob)
        records = files.records([point.file(net, task) for point in points], processes(jobs), progress)
    return SamplesTable(_rows(points, records, known), "mean squared error", sigma * sigma)


def _drawn(there: int, seed: int) -> np.ndarray:
    """An order of the examples, int64 (there,), of which the first n are drawn."""
    return np.random.Generator(np.random.Philox(key=[seed, _STREAM])).permutation(there)


def _task(preset: int | None) -> dict[str, Any]:
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    return {"preset": DEFAULT_PRESET if preset is None else preset}


def _points(
    n: Sequence[int], seeds: int, sparsify: Sequence[str], strengths: Mapping[str, Sequence[float]]
) -> list[_Point]:
    if not n or min(n) < 2 or len(set(n)) < len(n):
        raise BadData("n is made of different numbers of examples, 2 or more each")
    if seeds < 1:
        raise BadData(f"seeds is {seeds}; give how many, 1 or more")
    own = strengths_of(sparsify, strengths, STRENGTHS)
    return [
        point
        for size in n
        for seed in range(seeds)
        for point in (
            *(_Point(size, seed, REGULARISED, method, one) for method, ones in own.items() for one in ones),
            _Point(size, seed, UNREGULARISED),
            _Point(size, seed, PREQUENTIAL),
        )
    ]


def _rows(
    points: Sequence[_Point],
    records: Mapping[str, Mapping[str, Any]],
    known: Mapping[tuple[int, int], tuple[float, int]] | None = None,
) -> tuple[SampleRow, ...]:
    """One of each kind: of several files the shortest, of equal ones the first. ``known``: of the teacher."""
    shortest: dict[tuple[int, int, str], _Point] = {}
    for point in points:
        before = shortest.setdefault((point.n, point.seed, point.kind), point)
        if records[point.name]["bytes"] < records[before.name]["bytes"]:
            shortest[point.n, point.seed, point.kind] = point
    return tuple(_row(p, records[p.name], known) for p in shortest.values())


def _row(
    point: _Point, record: Mapping[str, Any], known: Mapping[tuple[int, int], tuple[float, int]] | None
) -> SampleRow:
    bits, size = (None, None) if known is None else known[point.n, point.seed]
    targets = record.get("targets_bytes" if known is not None else "labels_bytes")
    return SampleRow(
        n=point.n,
        seed=point.seed,
        kind=point.kind,
        method=point.method,
        strength=point.strength,
        bytes=record["bytes"],
        network_bytes=record.get("network_bytes"),
        targets_bytes=targets,
        nonzeros=record.get("nonzeros"),
        test_loss=record.get("test_error" if known is not None else "test_loss"),
        test_error=None if known is not None else record.get("test_error"),
        teacher_bits=bits,
        teacher_bytes=size,
    )
