# ruff: noqa: N803, N806 (capitals as on the page)
"""Tables and their features (formats/data.md, sections 3 and 4)."""

import hashlib
import math
import re

import numpy as np

from decoder.features import offsets

INTEGER = re.compile(r"[+-]?[0-9]+\Z")

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")

INFINITE = re.compile(r"[+-]?(inf|infinity)\Z", re.IGNORECASE)

MISSING = {"", "?", "na", "n/a", "nan", "null", "none"}


def separator_of(data):
    """What stands between cells ("Separator")."""
    line = next((line for line in data.split(b"\n") if line.strip()), b"")[: 1 << 16]
    text = re.sub(r'"[^"]*("|\Z)', "", line.decode("utf-8", "replace"))
    return max(("\t", ";", ","), key=text.count) if re.search("[\t;,]", text) else ","


def rows_of(data):
    """Rows of cells (section 3)."""
    separator = separator_of(data)
    text = data.decode("utf-8").removeprefix("\ufeff")
    rows, row, i, n = [], [], 0, len(text)
    while i < n:
        while i < n and text[i] == " ":
            i += 1
        quoted = i < n and text[i] == '"'
        if quoted:
            i, cell = i + 1, ""
            while text[i] != '"' or text[i + 1 : i + 2] == '"':
                cell, i = cell + text[i], i + (2 if text[i] == '"' else 1)
            i += 1
        else:
            start = i
            while i < n and text[i] not in separator + "\n":
                i += 1
            cell = text[start:i]
            if cell.endswith("\r") and (i == n or text[i] == "\n"):
                cell = cell[:-1]
        if quoted and text[i : i + 2] == "\r\n":
            i += 1
        row.append(cell.strip(" \t"))
        if i < n and text[i] == separator:
            i += 1
            if i < n and text[i] != "\n":
                continue
            row.append("")
        i += 1
        if quoted or row != [""]:
            rows.append(row)
        row = []
    return rows


def missing(cell):
    """Whether a cell is missing."""
    return cell.lower() in MISSING


def is_number(cell):
    """Whether a cell is a number."""
    return len(cell) <= 400 and cell.isascii() and bool(NUMBER.match(cell) or INFINITE.match(cell))


def has_header(rows, label):
    """Whether the first row is a header."""
    columns = [c for c in range(len(rows[0])) if c != label]
    if any(is_number(rows[0][c]) for c in columns):
        return False
    for c in columns:
        below = [r[c] for r in rows[1:]]
        if (
            not missing(rows[0][c])
            and all(is_number(v) or missing(v) for v in below)
            and any(map(is_number, below))
        ):
            return True
    return False


def spread(cells, values):
    """A column of features by the cells, 0 where not said."""
    return np.array([values.get(c, 0.0) for c in cells], np.float64).astype(np.float32)


def number_features(cells, many):
    """Features of a column of numbers (section 4)."""
    present = [c for c in cells if not missing(c)]
    integers = all(INTEGER.match(c) for c in present)
    value = {c: int(c) if integers else float(c) + 0.0 for c in set(present)}
    v = sorted(set(value.values()))
    where = {x: i for i, x in enumerate(v)}
    c = [0] * len(v)
    for cell in present:
        c[where[value[cell]]] += 1
    k, m, out = len(v), len(present), []

    def of(values):
        return np.array([0.0 if missing(cell) else values[where[value[cell]]] for cell in cells]).astype(
            np.float32
        )

    if k >= 2:
        d, finite = offsets(v, integers)
        s = N = q = 0.0
        for di, ci, ok in zip(d, c, finite, strict=False):
            if ok:
                s, N = s + ci * di, N + ci
        a = s / N
        for di, ci, ok in zip(d, c, finite, strict=False):
            if ok:
                q = q + ci * ((di - a) * (di - a))
        b = math.sqrt(q / N)
        out.append(
            of(
                [
                    (6.0 if di > 0 else -6.0) if not ok else min(max((di - a) / b, -6.0), 6.0) if b else 0.0
                    for di, ok in zip(d, finite, strict=False)
                ]
            )
        )
    if k >= 3 and not many:
        out.append(of(ranks(c, m)))
    if k >= 1 and m < len(cells) and not many:
        out.append(np.array([missing(cell) for cell in cells], np.float32))
    return out


def ranks(c, m):
    """Ranks of distinct values (section 4)."""
    C, u = 0, []
    for ci in c:
        C += ci
        u.append(float(2 * C - ci - m) / float(2 * m) * math.sqrt(12.0))
    return u


def text_features(cells, T):
    """Features of a column of text (section 4)."""
    words = sorted(set(cells))
    k, n, W = len(words), len(cells), max(2, min(64, 512 // T if T else 64))
    c = [cells.count(w) for w in words]
    if k == 1:
        return []
    if k == 2:
        return [spread(cells, {words[0]: -math.sqrt(0.5), words[1]: math.sqrt(0.5)})]
    if k <= W:
        return [spread(cells, {w: 1.0}) for w in words]
    top = [w for _, w in sorted(zip([-x for x in c], words, strict=False)) if c[words.index(w)] > 1][:W]
    out = [spread(cells, dict(zip(words, ranks(c, n), strict=False)))] + [
        spread(cells, {w: 1.0}) for w in top
    ]
    return [*out, spread(cells, {w: 1.0 for w in words if w not in top})]


def table(data, label=None, limit=None, named=None):
    """(features, digest) of the first rows of a table without its column ``label``, by index.

    named: whether the first line is a header; None where no file of labels says it, and the rule decides.
    """
    rows = rows_of(data)
    seen = rows[: limit + 1] if limit else rows
    if has_header(seen, label) if named is None else named:
        rows = rows[1:]
    rows = rows[:limit] if limit else rows
    columns = [[r[c] for r in rows] for c in range(len(rows[0])) if c != label]
    digest = hashlib.sha256(f"mdlcodec table\n{len(rows)},{len(columns)}\n".encode())
    for column in columns:
        h = hashlib.sha256()
        for cell in column:
            b = cell.encode()
            h.update(len(b).to_bytes(4, "little") + b)
        digest.update(h.digest())
    numeric = [
        any(not missing(c) for c in col) and all(missing(c) or is_number(c) for c in col) for col in columns
    ]
    T = sum(not num and len(set(col)) >= 2 for num, col in zip(numeric, columns, strict=False))
    out = []
    for num, col in zip(numeric, columns, strict=False):
        out += number_features(col, sum(numeric) > 256) if num else text_features(col, T)
    return np.stack(out or [np.zeros(len(rows), np.float32)], 1), digest.digest()
