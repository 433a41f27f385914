"""What paths of several seeds come to: means, where compression starts, inequalities that do not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mdlcodec.report.information import label_entropy
from mdlcodec.report.plane_records import PlaneMoment, PlanePath, PlaneSummary
from mdlcodec.report.plane_table import PlaneTable
from mdlcodec.studies.information_plane.processing import violations
from mdlcodec.studies.information_plane.transition import start_of_compression
from mdlcodec.studies.information_plane.work import rounded


def table_of(
    steps: Mapping[str, tuple[int, ...]],
    layers: tuple[str, ...],
    paths: tuple[PlanePath, ...],
    moments: tuple[PlaneMoment, ...],
    runs: Sequence[Mapping[str, Any]],
    curve: Sequence[tuple[float, float]],
    classes: np.ndarray,
    m: int,
    settings: Mapping[str, Any],
) -> PlaneTable:
    """The fields of `PlaneTable`; ``classes``: int (n,), of the examples that are measured."""
    names = dict.fromkeys(path.estimator for path in paths)
    by_key: dict[tuple[str, str, str], list[PlanePath]] = {}
    for path in paths:
        by_key.setdefault((path.control, path.layer, path.estimator), []).append(path)
    summaries = tuple(_summary(steps[control], own) for (control, _, _), own in by_key.items())
    broken = {
        control: {name: _broken(control, name, layers, by_key) for name in names}
        for control in steps
        if names
    }
    return PlaneTable(
        dict(steps),
        layers,
        paths,
        moments,
        tuple(runs),
        summaries,
        broken,
        tuple(curve),
        rounded(label_entropy(classes)),
        m,
        settings,
    )


def _summary(steps: Sequence[int], paths: Sequence[PlanePath]) -> PlaneSummary:
    known = [path.ixt for path in paths if path.ixt is not None]
    means = [sum(column) / len(known) for column in zip(*known, strict=True)]
    start = start_of_compression(known) if known else None
    iyt = sum(path.iyt[-1] for path in paths) / len(paths)
    saturated = [one for path in paths for one in path.saturated]
    first = paths[0]
    return PlaneSummary(
        first.control,
        first.layer,
        first.estimator,
        rounded(means[-1]) if known else None,
        rounded(max(means)) if known else None,
        rounded(iyt),
        None if start is None else steps[start],
        rounded(sum(saturated) / len(saturated)),
    )


def _broken(
    control: str,
    estimator: str,
    layers: Sequence[str],
    by_key: Mapping[tuple[str, str, str], Sequence[PlanePath]],
) -> list[int]:
    """Violations of I(X;T), of I(T;Y), and the pairs of layers looked at for each."""
    of_x = of_y = pairs = 0
    chains = zip(*(by_key[control, layer, estimator] for layer in layers), strict=True)
    for chain in chains:  # of a seed
        for moment in range(len(chain[0].iyt)):
            of_y += violations([path.iyt[moment] for path in chain])
            of_x += violations([path.ixt[moment] for path in chain if path.ixt is not None])
            pairs += len(chain) - 1
    return [of_x, of_y, pairs]
