"""Students of a random teacher, as files: bytes of network and targets against the number of examples.

Barth & von Petersenn 2025, Figures 1 and 4c, with files: for each n, method, strength and seed a two-part code
of the same numbers; beside it the prequential code, uniform in the range, and the ideal length under one
Gaussian.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.teacher_table import TeacherRow, TeacherTable
from mdlcodec.studies.frontier import spaced, strengths_of
from mdlcodec.studies.probing import Told
from mdlcodec.studies.teachers import STEP_BITS, network_named, teacher_of
from mdlcodec.studies.trained_files import FilePoint, TrainedFiles, processes

STRENGTHS = 6
# nats of a real number are worth more weights than those of a class: ranges of their own
RANGES = {"drr": (10.0, 300.0), "entropy": (0.5, 8.0)}
TESTED = 5000
PRECISION = format(2.0**-STEP_BITS, f".{STEP_BITS}f")
PREQUENTIAL, UNIFORM = "prequential", "uniform"


@dataclass(frozen=True)
class _Point:
    n: int
    seed: int
    method: str  # of the two-part code, or the name of another code
    strength: float | None = None

    @property
    def data(self) -> str:
        return f"{self.n}-{self.seed}"

    @property
    def name(self) -> str:
        return f"{self.data}-{self.method}" + ("" if self.strength is None else f"-{self.strength:.6g}")

    def file(self, net: str, preset: int) -> FilePoint:
        task: dict[str, Any] = {"precision": PRECISION, "preset": preset}
        if self.strength is None:
            task |= {"code": self.method, "net": "auto", "options": {}}
        else:
            options = {"sparsify": self.method, "strength": self.strength}
            task |= {"code": "two-part", "net": net, "options": options}
        return FilePoint(self.name, self.data, self.seed, task, {})


def teacher(
    sizes: Sequence[int] = (2, 5, 8, 1),
    student: Sequence[int] = (2, 25, 25, 1),
    *,
    sigma: float = 0.08,
    n: Sequence[int] = (30, 100, 300, 1000, 3000),
    seeds: int = 1,
    sparsify: Sequence[str] = ("drr", "entropy"),
    strengths: Mapping[str, Sequence[float]] | None = None,
    preset: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> TeacherTable:
    """Files of numbers that random teachers give, for each n, seed, method and strength, and of two codes beside.

    sizes, student: layers of the teacher and of what learns it, inputs first and one output last; sigma: deviation
    of the noise; n: numbers of examples; sparsify, strengths, seeds, preset, folder, jobs, progress: as of
    `frontier`. Raises as `frontier`.
    """
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    sizes, student = tuple(sizes), tuple(student)
    check_student(sizes, student, sigma)
    if not n or min(n) < 2 or len(set(n)) < len(n):
        raise BadData("n is made of different numbers of examples, 2 or more each")
    if seeds < 1:
        raise BadData(f"seeds is {seeds}; give how many, 1 or more")
    preset = DEFAULT_PRESET if preset is None else preset
    most = processes(jobs)
    own = strengths_of(sparsify, strengths_of_reals(sparsify, strengths or {}), STRENGTHS)
    teachers = [teacher_of(sizes, sigma, seed) for seed in range(seeds)]
    net = network_named(student).name
    points = [
        point
        for count in n
        for seed in range(seeds)
        for point in (
            *(_Point(count, seed, method, one) for method, ones in own.items() for one in ones),
            _Point(count, seed, PREQUENTIAL),
            _Point(count, seed, UNIFORM),
        )
    ]
    with temporary_folder() as beside:
        files = TrainedFiles("teacher", "reals", beside if folder is None else Path(folder), beside)
        gaussian = {}
        for seed, one in enumerate(teachers):
            x, y = one.examples(max(n))
            tested = one.examples(TESTED, 1)
            for count in n:
                files.hold(f"{count}-{seed}", x[:count], y[:count], *tested)
                gaussian[count, seed] = gaussian_bits(y[:count], 2.0**-STEP_BITS) / 8
        records = files.records([point.file(net, preset) for point in points], most, progress)
    rows = tuple(
        TeacherRow(
            n=point.n,
            seed=point.seed,
            method=point.method,
            strength=point.strength,
            bytes=records[point.name]["bytes"],
            network_bytes=records[point.name].get("network_bytes"),
            targets_bytes=records[point.name].get("targets_bytes"),
            test_error=records[point.name].get("test_error"),
            nonzeros=records[point.name].get("nonzeros"),
            teacher_nonzeros=teachers[point.seed].nonzeros,
            gaussian_bytes=gaussian[point.n, point.seed],
        )
        for point in points
    )
    return TeacherTable(rows, sigma, STEP_BITS)


def strengths_of_reals(
    sparsify: Sequence[str], given: Mapping[str, Sequence[float]]
) -> dict[str, Sequence[float]]:
    """Those that are given, and of other methods those that suit numbers, where they have a range of their own."""
    own = {name: spaced(*RANGES[name], STRENGTHS) for name in sparsify if name in RANGES}
    return {**own, **given}


def check_student(sizes: Sequence[int], student: Sequence[int], sigma: float) -> None:
    """Raise BadData for a student that does not fit its teacher, and for noise that there cannot be."""
    if student[0] != sizes[0] or student[-1] != 1:
        raise BadData(
            f"a student takes the teacher's {sizes[0]} inputs and gives one output; give such sizes"
        )
    if not 0.0 <= sigma < math.inf:
        raise BadData(f"sigma is {sigma:g}; give a number of 0 or more")


def gaussian_bits(values: np.ndarray, step: float) -> float:
    """-log2 p of values, multiples of a step, under one Gaussian of their own mean and variance; ideal, and
    without what says these two."""
    mean, deviation = float(values.mean()), max(float(values.std()), step / 4)
    cell = [(value - mean - step / 2) / deviation for value in values.tolist()]
    wide = step / deviation
    chances = [0.5 * (math.erf((z + wide) / math.sqrt(2)) - math.erf(z / math.sqrt(2))) for z in cell]
    return -math.fsum(math.log2(max(chance, 1e-300)) for chance in chances)
