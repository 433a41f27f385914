"""What became of a run's weights after the transition of its gradients: diffusion, equation 9, equation
10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mdlcodec.studies.information_plane.diffusion import Law, law, predicted_information
from mdlcodec.studies.information_plane.gaussian_bound import bin_noise, gaussian_bound
from mdlcodec.studies.information_plane.transition import signal_to_noise, transition

BIN_WIDTH = 2 / 29
"""Of the authors' bins, which sigma_z is of."""

Matrices = Mapping[str, np.ndarray]


def after_transition(records: Sequence[Mapping[str, Any]], weights: Sequence[Matrices]) -> dict[str, Any]:
    """``records``: of the checkpoints (`training.facts`); ``weights``: their layers' matrices, float64 (d_in,
    d_out).

    transition: its checkpoint, None without one, and then nothing else; times: steps since, of the
    checkpoints behind it; drift: the law of |W(t) - W(0)| until then; diffusion: that of |W(tau) - W(tau_0)|;
    layers: see `_layer`.
    """
    steps = [record["step"] for record in records]
    ratios = [signal_to_noise(r["gradient_mean"], r["gradient_deviation"]) for r in records]
    found = transition(steps, ratios)
    told: dict[str, Any] = {"transition": found}
    if found is None:
        return told
    start, later = weights[found], range(found + 1, len(steps))
    times = np.array([steps[i] - steps[found] for i in later], np.float64)
    early = range(1, found + 1)
    went = [_distance(weights[i], weights[0]) for i in early]
    gone = [_distance(weights[i], start) for i in later]
    told["step"] = steps[found]
    told["times"] = times.tolist()
    told["drift"] = _told(law(np.array([steps[i] for i in early], np.float64), np.array(went)))
    told["distance"] = gone
    told["diffusion"] = _told(law(times, np.array(gone)))
    told["layers"] = {
        name: _layer(
            start[name],
            [weights[i][name] for i in later],
            [records[i]["layers"][name]["inputs_variance"] for i in later],
            times,
        )
        for name in start
    }
    return told


def _layer(
    w: np.ndarray, later: Sequence[np.ndarray], variances: Sequence[float], times: np.ndarray
) -> dict[str, Any]:
    """bound, determinant: equation 9 at each time, in bits; predicted: equation 10; distance, law: of |W -
    W(tau_0)|; grow, keep: how many directions do; exponents: of each direction's eigenvalue, largest first;
    power: how many are nearer to a power law than to a logarithmic one."""
    ratios = [bin_noise(BIN_WIDTH) / max(variance, 1e-12) for variance in variances]
    bounds = [gaussian_bound(w, one - w, ratio) for one, ratio in zip(later, ratios, strict=True)]
    distance = [float(np.linalg.norm(one - w)) for one in later]
    told: dict[str, Any] = {
        "bound": [one.directions for one in bounds],
        "determinant": [one.determinant for one in bounds],
        "distance": distance,
        "law": _told(law(times, np.array(distance))),
    }
    if not bounds:
        return told
    grown = np.stack([one.eigenvalues for one in bounds], axis=1)  # (d_out, times)
    laws = [law(times, row) for row in grown]
    fitted = [one for one in laws if one is not None]
    told["exponents"] = [None if one is None else one.alpha for one in laws]
    if not fitted:  # too few checkpoints behind the transition
        return told
    signal, first = bounds[0].signal, grown[:, 0]
    told["predicted"] = predicted_information(signal, first, laws, ratios[0], times).tolist()
    told["grow"] = sum(one.grows for one in fitted)
    told["keep"] = len(laws) - told["grow"]
    told["power"] = sum(one.better == "power" for one in fitted)
    return told


def _distance(a: Matrices, b: Matrices) -> float:
    return float(np.sqrt(sum(float(((a[name] - b[name]) ** 2).sum()) for name in a)))


def _told(fitted: Law | None) -> dict[str, Any] | None:
    return None if fitted is None else asdict(fitted) | {"better": fitted.better}
