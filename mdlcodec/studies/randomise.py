"""Zhou et al. 2018, section 8: networks that fit random labels, pruned, and what is left in bytes of files.

For every share of noise and every repetition a new training set is drawn, and new noise: that share of the examples
gets a class drawn at random. A network is fitted, pruned to each sparsity, trained on and written with the
labels. Beside the mean sizes stands what Theorem 6.1 says of the entropy of such a network, whose expectations
are over the sample.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mdlcodec.bounds.compressibility import least_entropy
from mdlcodec.errors import BadData
from mdlcodec.files.temporary import temporary_folder
from mdlcodec.report.randomise_table import RandomiseRow, RandomiseTable
from mdlcodec.studies.probing import Told
from mdlcodec.studies.trained_files import FilePoint, Sets, TrainedFiles, processes

NOISES = (0.0, 0.25, 0.5, 0.75, 1.0)
SPARSITIES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
_STREAM = 0x72616E64
_METHOD = "after-fit"


@dataclass(frozen=True)
class _Point:
    noise: float
    sparsity: float
    repetition: int

    @property
    def data(self) -> str:
        return f"noise-{self.noise:g}-{self.repetition}"

    @property
    def name(self) -> str:
        return f"noise-{self.noise:g}-sparsity-{self.sparsity:g}-{self.repetition}"

    def file(self, net: str, preset: int) -> FilePoint:
        options = {"sparsify": _METHOD, "strength": self.sparsity}
        task = {"code": "two-part", "net": net, "preset": preset, "options": options}
        return FilePoint(self.name, self.data, self.repetition, task, {"noise": self.noise})


def noised(
    classes: np.ndarray, k: int, n: int, noise: float, repetition: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which n of the examples are drawn, int64 (n,) in their order, and their classes, of which the share
    ``noise`` was drawn anew among all k, int64 (n,). The same examples, and the same draws, at every noise."""
    generator = np.random.Generator(np.random.Philox(key=[repetition, _STREAM]))
    rows = np.sort(generator.permutation(classes.size)[:n])
    drawn, chance = generator.integers(k, size=n), generator.random(n)
    return rows, np.where(chance < noise, drawn, classes[rows])


def randomise(
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    *,
    net: str = "auto",
    noise: Sequence[float] = NOISES,
    sparsity: Sequence[float] = SPARSITIES,
    n: int | None = None,
    repetitions: int = 1,
    preset: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: Told | None = None,
) -> RandomiseTable:
    """For each share of noise and each sparsity, means over repetitions of files whose networks fit noisy labels.

    x, y, x_test, y_test, net, preset, folder, jobs, progress: as of `frontier`. noise: shares of the examples that
    get a class drawn at random; sparsity: shares of weights that go; n: examples that every repetition draws,
    None for half of them. Raises as `frontier`.
    """
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    sets = Sets.of(x, y, x_test, y_test)
    labels, k = sets.labels, len(sets.labels.values)
    there = len(sets.x)
    n = max(1, there // 2) if n is None else n
    if not 1 <= n <= there:
        raise BadData(f"n is {n:,}, and there are {there:,} examples to draw from; choose 1 to {there:,}")
    for what, values in (("noise", noise), ("sparsity", sparsity)):
        if not values or not all(0 <= value <= (1 if what == "noise" else 0.9999) for value in values):
            raise BadData(f"{what} is made of shares, 0 to 1 (of weights below 1); give one or more")
        if len(set(values)) < len(values):
            raise BadData(f"two shares of {what} are the same; give each once")
    if repetitions < 1:
        raise BadData(f"repetitions is {repetitions}; give how many, 1 or more")
    preset = DEFAULT_PRESET if preset is None else preset
    most = processes(jobs)
    points = [
        _Point(share, gone, repetition)
        for share in noise
        for repetition in range(repetitions)
        for gone in sparsity
    ]
    with temporary_folder() as beside:
        files = TrainedFiles("randomise", "classes", beside if folder is None else Path(folder), beside)
        for point in {point.data: point for point in points}.values():
            rows, classes = noised(labels.classes, k, n, point.noise, point.repetition)
            drawn = sets.x[rows], labels.values[classes]
            files.hold(point.data, *drawn, sets.x_test, sets.y_test)
        records = files.records([point.file(net, preset) for point in points], most, progress)
    rows_of = {
        (share, gone): [records[p.name] for p in points if (p.noise, p.sparsity) == (share, gone)]
        for share in noise
        for gone in sparsity
    }
    found = tuple(_row(share, gone, held, n, k) for (share, gone), held in rows_of.items())
    return RandomiseTable(found, n, k, len(sets.y_test), repetitions)


def _row(noise: float, sparsity: float, records: Sequence[dict[str, Any]], n: int, k: int) -> RandomiseRow:
    def mean(name: str) -> float:
        return float(np.mean([record[name] for record in records]))

    training, clean = mean("training_error"), mean("test_error")
    sizes = [float(record["network_bytes"]) for record in records]
    # E L is under the noisy law, as the training examples are
    least = least_entropy(n, training, (1 - noise) * clean + noise * (k - 1) / k) / 8
    deviation = float(np.std(sizes, ddof=1)) if len(sizes) > 1 else None
    return RandomiseRow(
        noise=noise,
        sparsity=sparsity,
        training_accuracy=1 - training,
        test_accuracy=1 - clean,
        network_bytes=float(np.mean(sizes)),
        network_bytes_error=None if deviation is None else deviation / len(sizes) ** 0.5,
        bytes=mean("bytes"),
        nonzeros=mean("nonzeros"),
        least_bytes=least,
    )
