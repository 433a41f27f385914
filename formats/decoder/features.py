# ruff: noqa: N806 (capitals as on the page)
"""Features of arrays and the digest of inputs (formats/data.md, sections 2, 4 and 5)."""

import hashlib
import math

import numpy as np


def digest(x):
    """SHA-256 of an array (section 2)."""
    x = np.asarray(x)
    head = f"mdlcodec array\n{x.dtype.newbyteorder('=').name}\n{','.join(map(str, x.shape))}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(x).astype(x.dtype.newbyteorder("<")).tobytes()).digest()


def offsets(v, integers):
    """d of section 4 for distinct ascending values v, and where they are finite."""
    if integers:
        v = [int(a) for a in v]
        span = v[-1] - v[0]
        # int / int of Python is the exact quotient, rounded once
        return [float(a - v[0]) if span < 1 << 64 else (a - v[0]) / span for a in v], [True] * len(v)
    finite = [bool(np.isfinite(a)) for a in v]
    inside = [float(a) for a, ok in zip(v, finite, strict=False) if ok]
    L = max(abs(inside[0]), abs(inside[-1])) if inside else 0.0
    e = min(max(math.frexp(L)[1] if L else 0, -1022), 1022)
    w = [float(a) * 2.0**-e if ok else float(a) for a, ok in zip(v, finite, strict=False)]
    low = min((a for a, ok in zip(w, finite, strict=False) if ok), default=0.0)
    return [a - low if ok else a for a, ok in zip(w, finite, strict=False)], finite


def number_column(column, many):
    """Columns of features of a column of numbers (section 4)."""
    integers = column.dtype.kind in "iub"
    missing = np.zeros(len(column), bool) if integers else np.isnan(column)
    column = (
        column.astype(np.int64 if column.dtype.kind == "b" else column.dtype)
        if integers
        else column.astype(np.float64) + 0.0
    )
    present = column[~missing]
    v, inverse, c = np.unique(present, return_inverse=True, return_counts=True)
    k, m, out = len(v), int(c.sum()), []

    def spread(values):
        result = np.zeros(len(column), np.float32)
        result[~missing] = np.array(values, np.float32)[inverse]
        return result

    if k >= 2:
        d, finite = offsets(v, integers)
        s = N = 0.0
        for di, ci, ok in zip(d, c, finite, strict=False):
            if ok:
                s, N = s + float(ci) * di, N + float(ci)
        a = s / N if N else 0.0
        q = 0.0
        for di, ci, ok in zip(d, c, finite, strict=False):
            if ok:
                t = di - a
                q = q + float(ci) * (t * t)
        b = math.sqrt(q / N) if N else 0.0
        z = [
            (6.0 if di > 0 else -6.0) if not ok else (min(max((di - a) / b, -6.0), 6.0) if b else 0.0)
            for di, ok in zip(d, finite, strict=False)
        ]
        out.append(spread(z))
    if k >= 3 and not many:
        C, u = 0, []
        for ci in c:
            C += int(ci)
            u.append(float(2 * C - int(ci) - m) / float(2 * m) * math.sqrt(12.0))
        out.append(spread(u))
    if k >= 1 and missing.any() and not many:
        out.append(missing.astype(np.float32))
    return out


def features(x):
    """Features of an array, float32 (sections 4 and 5)."""
    x = np.asarray(x)
    if x.size and x.ndim in (3, 4) and (x.ndim == 3 or x.shape[3] <= 4 or x.shape[1] <= 4):
        if x.ndim == 3:
            x = x[..., None]
        elif x.shape[3] > 4:
            x = np.moveaxis(x, 1, 3)
        v = x.astype(np.float64)
        inside = v[np.isfinite(v)]
        lo, hi = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
        f = 0.5 if max(abs(lo), abs(hi)) >= 2.0**1022 else 1.0
        with np.errstate(all="ignore"):
            out = (v * f - lo * f) / (hi * f - lo * f) if hi != lo else np.zeros(v.shape)
        out[np.isnan(v) | (v == -np.inf)] = 0.0
        out[v == np.inf] = 1.0
        return out.astype(np.float32)
    x = x.reshape(len(x), -1) if x.size else np.zeros((len(x), 0))
    columns = [c for j in range(x.shape[1]) for c in number_column(x[:, j], x.shape[1] > 256)]
    return np.stack(columns or [np.zeros(len(x), np.float32)], 1)
