"""Pools: one prediction out of several, by the mean of probabilities or of their logarithms (Genest & Zidek 1986).

formats/prequential.md, "Network predictors"; formats/switching.md, "Pools".
"""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import log
from mdlcodec.exact.loss import softmax_row


@njit(cache=True)
def mean_log_probabilities(scores: np.ndarray, out: np.ndarray) -> None:
    """scores float32 or float64 (members, m, k) -> logarithms of the mean probability, float64 (m, k)."""
    members, m, k = scores.shape
    row, total = np.empty(k), np.empty(k)
    for i in range(m):
        total[:] = 0.0
        for e in range(members):
            softmax_row(scores[e, i], 1.0, row)
            for c in range(k):
                total[c] += row[c]
        for c in range(k):
            mean = total[c] / np.float64(members)
            # a probability that underflowed must not become the logarithm of 0, nor a NaN a number
            if mean < 1e-300:
                mean = 1e-300
            out[i, c] = log(mean) if mean == mean else mean


@njit(cache=True, nogil=True)
def _log(p: float) -> float:
    """The logarithm of a probability that may have underflowed; of NaN, NaN: that is found when it is coded."""
    if p != p:
        return p
    return log(1e-300 if p < 1e-300 else p)


@njit(cache=True, nogil=True)
def fill_pools(scores: np.ndarray, sizes: np.ndarray, out: np.ndarray) -> None:
    """Pools of P predictors: scores float64 (m, sets, k) of ``sizes`` sets each -> out float64 (m, 2 + P, k).

    A predictor's probabilities are the mean of softmax(score) over its sets. The linear pool is the logarithm of
    the predictors' mean; the logarithmic pool is the mean of their logarithms (Genest & Zidek 1986), and in P
    more of these one predictor has double weight.
    """
    predictors, m, k = sizes.size, out.shape[0], out.shape[2]
    row, mean, logs = np.empty(k), np.empty(k), np.empty((predictors, k))
    for i in range(m):
        pools = out[i]
        for c in range(k):
            pools[0, c] = 0.0
            pools[1, c] = 0.0
        first = 0
        for p in range(predictors):
            for c in range(k):
                mean[c] = 0.0
            for s in range(first, first + sizes[p]):
                softmax_row(scores[i, s], 1.0, row)
                for c in range(k):
                    mean[c] += row[c]
            first += sizes[p]
            for c in range(k):
                mean[c] = mean[c] / np.float64(sizes[p])
                logs[p, c] = _log(mean[c])
                pools[0, c] += mean[c]
                pools[1, c] += logs[p, c]
        for c in range(k):
            pools[0, c] = _log(pools[0, c] / np.float64(predictors))
            for p in range(predictors):
                pools[2 + p, c] = (pools[1, c] + logs[p, c]) / np.float64(predictors + 1)
            pools[1, c] = pools[1, c] / np.float64(predictors)
