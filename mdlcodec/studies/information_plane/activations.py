"""Activations of any framework's run: an .npz file with arrays LAYER/CHECKPOINT (n, d) and y (n,).

``trained`` (n,), if it is there, says which rows were trained on; those are no part of the sample. Layers
stand in the order in which they first occur, checkpoints are whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from mdlcodec.data.dataset import quoted
from mdlcodec.data.labels import labels_of_array
from mdlcodec.data.npz import DAMAGE, MEMBER_ENDING, damaged, open_archive, read_member
from mdlcodec.errors import BadData
from mdlcodec.studies.information_plane.networks import check_units
from mdlcodec.studies.information_plane.ranges import Extent

SAMPLE = 2000
"""Examples of the stated sample: the first so many that were not trained on."""
_LABELS, _TRAINED = "y", "trained"
_MOST = 1 << 33  # bytes of an array


@dataclass(frozen=True)
class Activations:
    """``arrays``: float (n, d) by layer and checkpoint; ``classes``: int (n,); ``sample``: int (m,);
    ``stated``: whether it was said which rows were trained on."""

    arrays: Mapping[str, Mapping[int, np.ndarray]]
    classes: np.ndarray
    sample: np.ndarray
    stated: bool

    @property
    def layers(self) -> list[str]:
        """In their order."""
        return list(self.arrays)

    @property
    def steps(self) -> list[int]:
        """Checkpoints of the first layer, which all have, in order."""
        return sorted(next(iter(self.arrays.values())))

    def at(self, step: int) -> dict[str, np.ndarray]:
        """Of each layer at that checkpoint."""
        return {name: own[step] for name, own in self.arrays.items()}

    def extents(self, layer: str) -> list[Extent]:
        """Of its values at each checkpoint."""
        return [Extent.of(values) for values in self.arrays[layer].values()]


def is_activations(source: str) -> bool:
    """Whether a file is such an archive: .npz with y and a LAYER/CHECKPOINT, and no x."""
    if not source.endswith(".npz") or not Path(source).is_file():
        return False
    try:
        with open(source, "rb") as stream, open_archive(stream, quoted(source)) as archive:
            names = [name.removesuffix(MEMBER_ENDING) for name in archive.namelist()]
    except DAMAGE:
        return False
    return "x" not in names and any("/" in name for name in names)


def read_activations(source: str, step: int | None = None) -> Activations:
    """All checkpoints, or that one alone. Raises BadData for what is damaged, or as `activations_of`."""
    arrays: dict[str, np.ndarray] = {}
    try:
        with open(source, "rb") as stream, open_archive(stream, quoted(source)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(MEMBER_ENDING)
                if step is not None and "/" in name and name.rpartition("/")[2] != str(step):
                    continue
                held = sum(array.nbytes for array in arrays.values())
                arrays[name] = read_member(archive, info, f"{quoted(name)} in {quoted(source)}", _MOST, held)
    except DAMAGE as error:
        raise damaged(quoted(source), error) from error
    return activations_of(arrays)


def activations_of(arrays: Mapping[str, np.ndarray]) -> Activations:
    """Of arrays by name. Raises BadData for what no plane can be drawn of."""
    if _LABELS not in arrays:
        raise BadData("there is no array y; save the labels of the rows as y")
    named: dict[str, dict[int, np.ndarray]] = {}
    n = len(np.atleast_1d(arrays[_LABELS]))
    labels = labels_of_array(arrays[_LABELS], n)
    if len(labels.values) < 2:
        raise BadData("y is constant: there is nothing to know; give labels of two classes or more")
    for name, array in arrays.items():
        if name not in (_LABELS, _TRAINED):
            layer, _, step = name.rpartition("/")
            if not layer or not step.isascii() or not step.isdigit():
                raise BadData(
                    f"the array {quoted(name)} is called otherwise than LAYER/CHECKPOINT, as fc1/100"
                )
            named.setdefault(layer, {})[int(step)] = _checked(name, np.asarray(array), n)
    if not named:
        raise BadData("there are no arrays of activations; save them as LAYER/CHECKPOINT, as fc1/100")
    first = next(iter(named.values()))
    for layer, own in named.items():
        if set(own) != set(first):
            raise BadData(
                f"layer {quoted(layer)} has other checkpoints than the first; save the same of each"
            )
        if len({array.shape[1] for array in own.values()}) > 1:
            raise BadData(
                f"layer {quoted(layer)} changes its number of units; give another layer a name of its own"
            )
    trained = np.zeros(n, bool) if _TRAINED not in arrays else np.asarray(arrays[_TRAINED])
    if trained.shape != (n,) or trained.dtype.kind not in "biu":
        raise BadData(f"trained has shape {trained.shape}; give a truth value for each of the {n:,} rows")
    return Activations(
        named, labels.classes, sample_of(~trained.astype(bool), labels.classes), _TRAINED in arrays
    )


def _checked(name: str, array: np.ndarray, n: int) -> np.ndarray:
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        raise BadData(f"{quoted(name)} has dtype {array.dtype} and shape {array.shape}; give numbers, (n, d)")
    if len(array) != n:
        raise BadData(f"{quoted(name)} has {len(array):,} rows and y {n:,}; give the same examples to each")
    check_units(quoted(name), prod(array.shape[1:]))
    with np.errstate(over="ignore"):  # what is infinite then is refused
        values = array.reshape(n, -1).astype(np.float32)
    if not np.isfinite(values).all():
        raise BadData(f"{quoted(name)} has values that are NaN or infinite; leave that checkpoint out")
    return values


def sample_of(unseen: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The first `SAMPLE` rows that were not trained on, int (m,); ``unseen``: bool (n,). Raises BadData where
    these are too few, or of one class."""
    rows = np.flatnonzero(unseen)[:SAMPLE]
    if len(rows) < 2 or len(np.unique(classes[rows])) < 2:
        raise BadData(
            f"of the rows that were not trained on, {len(rows):,} are there, or all are of one class"
        )
    return rows
