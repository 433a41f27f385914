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
from mdlcodec.studies.two_part_files import FilePoint, TwoPartFiles

STRENGTHS = 6  # of a method, by default
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

    def file(self) -> FilePoint:
        """What it takes to make it."""
        options: dict[str, Any] = {"sparsify": self.method, "strength": self.strength}
        if self.rho:
            options["rho"] = self.rho
        return FilePoint(self.name, "all", self.seed, options, {})


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
        files = TwoPartFiles("frontier", beside if folder is None else Path(folder), beside, net, preset)
        files.hold("all", x, y, x_test, y_test)
        records = files.records([point.file() for point in points], most, progress)
    rows = tuple(_row(point, records[point.name]) for point in points)
    return FrontierTable(rows, len(x), len(labels.values), len(x_test))


def _points(
    sparsify: Sequence[str], strengths: Mapping[str, Sequence[float]], rho: Sequence[float], seeds: int
) -> list[Point]:
    from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, check_choices

    if not sparsify:
        raise BadData("there is no method; give one or several of " + ", ".join(SPARSIFIERS))
    if len(set(sparsify)) < len(sparsify):
        raise BadData("a method is there twice; give each once")
    unknown = [name for name in strengths if name not in sparsify]
    if unknown:
        raise BadData(f"there are strengths of {unknown[0]}, which is none of the methods; leave them out")
    if seeds < 1:
        raise BadData(f"seeds is {seeds}; give how many, 1 or more")
    points = []
    for method in sparsify:
        check_choices(method, Choices())
        way = SPARSIFIERS[method]
        own = strengths.get(method) or spaced(*way.frontier, STRENGTHS, of_share=method == "magnitude")
        for strength in own:
            for factor in rho if "rho" in way.takes else (0.0,):
                check_choices(method, Choices(strength=strength, rho=factor or None))
                points += [Point(method, strength, factor, seed) for seed in range(seeds)]
    if len({point.name for point in points}) < len(points):
        raise BadData("two strengths, or two rhos, are the same; give each once")
    return points


def _row(point: Point, record: Mapping[str, Any]) -> FrontierRow:
    held = {name: record[name] for name in FrontierRow.MEASURED}
    return FrontierRow(point.method, point.strength, point.rho, point.seed, **held)
