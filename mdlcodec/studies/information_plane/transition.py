"""Where gradients change from drift to diffusion, and where a layer begins to compress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from mdlcodec.studies.information_plane.trends import smoothed

LEAST_FALL = 0.1  # bits
NOT_THERE = None


def signal_to_noise(mean: float, deviation: float) -> float:
    """Of gradients: norm of their mean over that of their deviations."""
    return mean / deviation if deviation > 0.0 else math.inf


def transition(steps: Sequence[int], ratios: Sequence[float]) -> int | None:
    """The number of the checkpoint at the end of the steepest change of log SNR over log t, after a running
    median of 3; step 0 is left out. None where fewer than three checkpoints have a ratio that is finite and
    positive."""
    seen = [i for i, (t, r) in enumerate(zip(steps, ratios, strict=True)) if t > 0 and 0.0 < r < math.inf]
    if len(seen) < 3:
        return None
    logs = [math.log(ratios[i]) for i in seen]
    smooth = smoothed(logs)
    times = [math.log(steps[i]) for i in seen]
    slopes = [abs((smooth[i] - smooth[i - 1]) / (times[i] - times[i - 1])) for i in range(1, len(seen))]
    return seen[1 + slopes.index(max(slopes))]


def start_of_compression(information: Sequence[Sequence[float]]) -> int | None:
    """``information``: I(X;T) of each seed at each checkpoint. The checkpoint where its mean is largest, if
    what it falls by until the last one exceeds `LEAST_FALL` and two standard errors over seeds; else None, a
    legal result. Of one seed there is no error."""
    means = [fmean(column) for column in zip(*information, strict=True)]
    top = means.index(max(means))
    falls = [row[top] - row[-1] for row in information]
    error = stdev(falls) / math.sqrt(len(falls)) if len(falls) > 1 else 0.0
    return top if fmean(falls) > max(LEAST_FALL, 2.0 * error) else None
