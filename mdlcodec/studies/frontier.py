"""Sparse networks by several methods at several strengths: a file each, and what its network makes of test
examples.

The figures of Barth & von Petersenn 2025 with the bytes of decoded files on their axes. Every point is a label
file of the two-part code; each trains on one thread, so that the files are the same for any number of
processes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.data.labels import labels_of_array
from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.frontier_table import FrontierRow, FrontierTable
from mdlcodec.studies.probing import Told, cores
from mdlcodec.studies.trained_files import FilePoint, TrainedFiles

STRENGTHS = 6  # of a method, by default
_OF_SHARES = ("magnitude", "after-fit")  # methods whose strength is the share of weights that go
HELD_OUT = 5  # one example in so many, the last ones, where no test examples are given


@dataclass(frozen=True)
class Point:
    """One file."""

    method: str
    strength: float
    rho: float
    seed: int

    @property
    def name(self) -> str:
        """Of its file, without the ending."""
        rho = f"-rho{self.rho:g}" if self.rho else ""
        return f"{self.method}-{self.strength:.6g}{rho}-{self.seed}"

    def file(self, net: str, preset: int) -> FilePoint:
        """What it takes to make it."""
        options: dict[str, Any] = {"sparsify": self.method, "strength": self.strength}
        if self.rho:
            options["rho"] = self.rho
        task = {"net": net, "preset": preset, "options": options}
        return FilePoint(self.name, "all", self.seed, task, {})


def spaced(start: float, stop: float, count: int, *, of_share: bool = False) -> tuple[float, ...]:
    """``count`` strengths from start to stop, geometrically; ``of_share``: what is left of a whole is."""
    if of_share:
        return tuple(1.0 - one for one in spaced(1.0 - start, 1.0 - stop, count))
    if count == 1:
        return (start,)
    ratio = math.log(stop / start) / (count - 1)
    return tuple(float(f"{start * math.exp(ratio * i):.6g}") for i in range(count))


def frontier(
    x: np.ndarray,
    y: np.ndarray,
    *,
    net: str = "auto",
    sparsify: Sequence[str] = ("drr", "rl1", "entropy"),
    strengths: Mapping[str, Sequence[float]] | None = None,
    rho: Sequence[float] = (0.0,),
    seeds: int = 1,
    preset: int | None = None,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> FrontierTable:
    """See `mdlcodec.studies`."""
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    if (x_test is None) != (y_test is None):
        raise BadData("test examples and their labels go together; give both, or neither")
    if x_test is None or y_test is None:
        kept = len(x) - len(x) // HELD_OUT
        if kept == len(x):
            raise BadData(f"{len(x)} examples are too few to hold some back; give test examples")
        x, y, x_test, y_test = x[:kept], y[:kept], x[kept:], y[kept:]
    labels = labels_of_array(y, len(x))
    if len(labels.values) < 2:
        raise BadData("y is constant: there is nothing to learn; give labels of two classes or more")
    if not np.isin(y_test, labels.values).all():
        raise BadData("the test examples have labels that no training example has; leave those out")
    preset = DEFAULT_PRESET if preset is None else preset
    points = _points(sparsify, strengths or {}, rho, seeds)
    most = cores() if jobs is None else jobs
    if most < 1:
        raise BadData(f"jobs is {jobs!r}; give how many processes, 1 or more")
    with temporary_folder() as beside:
        files = TrainedFiles("frontier", "two_part", beside if folder is None else Path(folder), beside)
        files.hold("all", x, y, x_test, y_test)
        records = files.records([point.file(net, preset) for point in points], most, progress)
    rows = tuple(_row(point, records[point.name]) for point in points)
    return FrontierTable(rows, len(x), len(labels.values), len(x_test))


def strengths_of(
    sparsify: Sequence[str], strengths: Mapping[str, Sequence[float]], count: int
) -> dict[str, tuple[float, ...]]:
    """Of each method: those that are given, or so many in a range of its own. Raises BadData for methods and
    strengths that do not exist, or are there twice."""
    from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, check_choices

    if not sparsify:
        raise BadData("there is no method; give one or several of " + ", ".join(SPARSIFIERS))
    if len(set(sparsify)) < len(sparsify):
        raise BadData("a method is there twice; give each once")
    unknown = [name for name in strengths if name not in sparsify]
    if unknown:
        raise BadData(f"there are strengths of {unknown[0]}, which is none of the methods; leave them out")
    found = {}
    for method in sparsify:
        check_choices(method, Choices())
        given = strengths.get(method)
        own = spaced(*SPARSIFIERS[method].frontier, count, of_share=method in _OF_SHARES)
        found[method] = own if given is None else tuple(given)
        for strength in found[method]:
            check_choices(method, Choices(strength=strength))
        if not found[method] or len({f"{one:.6g}" for one in found[method]}) < len(found[method]):
            raise BadData(f"strengths of {method} are none, or the same; give each once")
    return found


def _points(
    sparsify: Sequence[str], strengths: Mapping[str, Sequence[float]], rho: Sequence[float], seeds: int
) -> list[Point]:
    from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, check_choices

    if seeds < 1:
        raise BadData(f"seeds is {seeds}; give how many, 1 or more")
    if not rho or len(set(rho)) < len(rho):
        raise BadData("rho is made of different numbers, one or more")
    points = []
    for method, ones in strengths_of(sparsify, strengths, STRENGTHS).items():
        for strength in ones:
            for factor in rho if "rho" in SPARSIFIERS[method].takes else (0.0,):
                check_choices(method, Choices(strength=strength, rho=factor or None))
                points += [Point(method, strength, factor, seed) for seed in range(seeds)]
    return points


def _row(point: Point, record: Mapping[str, Any]) -> FrontierRow:
    held = {name: record[name] for name in FrontierRow.MEASURED}
    return FrontierRow(point.method, point.strength, point.rho, point.seed, **held)
