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

from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.frontier_table import FrontierRow, FrontierTable
from mdlcodec.studies.probing import Told
from mdlcodec.studies.trained_files import FilePoint, Sets, TrainedFiles, processes

STRENGTHS = 6  # of a method, by default


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
        task = {"code": "two-part", "net": net, "preset": preset, "options": options}
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
    """A file of the two-part code for each method, strength, rho and seed, and what its network makes of others.

    x, y: (n, ...) and (n,), as `mdlcodec.encode` takes them; x_test, y_test: what is tested on, None for the last
    fifth of the examples, which is not trained on. net, preset: of `encode`; sparsify: methods; strengths: of some
    of them, the others have six in a range of their own; rho: factors of squared weights; seeds: how many.
    folder: where the files stay, and from which the same call goes on; jobs: processes; progress: is told files
    done, files in all, and what the last one gave. Raises BadData for what cannot be studied, before anything is
    trained, and MdlcodecError for a folder of another study.
    """
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    sets = Sets.of(x, y, x_test, y_test)
    preset = DEFAULT_PRESET if preset is None else preset
    points = _points(sparsify, strengths or {}, rho, seeds)
    most = processes(jobs)
    with temporary_folder() as beside:
        files = TrainedFiles("frontier", "classes", beside if folder is None else Path(folder), beside)
        files.hold("all", sets.x, sets.labels.array(), sets.x_test, sets.y_test)
        records = files.records([point.file(net, preset) for point in points], most, progress)
    rows = tuple(_row(point, records[point.name]) for point in points)
    return FrontierTable(rows, len(sets.x), len(sets.labels.values), len(sets.x_test))


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
        own = spaced(*SPARSIFIERS[method].frontier, count, of_share=SPARSIFIERS[method].of_share)
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
