"""The information-bottleneck curve of a known p(x, y): the limit of what layers can do (Tishby et al.
1999)."""

from __future__ import annotations

import numpy as np

BETAS = (0.5, 0.9, 1.1, 1.5, 2.0, 4.0, 8.0, 16.0, 64.0)
_ROUNDS, _DONE = 2000, 1e-12


def joint_of(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """p(x, y), float64 (different rows, k), of examples that are equally likely; rows (n, d), classes int
    (n,)."""
    codes = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    joint = np.zeros((codes.max() + 1, classes.max() + 1))
    np.add.at(joint, (codes, classes), 1.0 / len(classes))
    return joint


def information(joint: np.ndarray) -> float:
    """Of two variables with this joint distribution, in bits."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / product[there])).sum()) + 0.0


def blahut_arimoto(joint: np.ndarray, beta: float) -> tuple[float, float]:
    """(I(X;T), I(T;Y)) in bits where I(X;T) - beta I(T;Y) is least, found by the self-consistent equations
    from one value of T for each kind of x. ``joint``: p(x, y), float64 (m, k).

    Those x whose p(y|x) is the same are one kind: the best T need not tell them apart.
    """
    px = joint.sum(axis=1)
    given = joint[px > 0] / px[px > 0, np.newaxis]
    kinds, codes = np.unique(np.round(given, 12), axis=0, return_inverse=True)
    p = np.bincount(codes.reshape(-1), weights=px[px > 0])
    kinds = kinds / kinds.sum(axis=1, keepdims=True)
    # a little of every value, as nothing that is 0 comes back
    encoder = np.eye(len(p)) * 0.9 + 0.1 / len(p)
    tiny = 1e-300
    for _ in range(_ROUNDS):
        pt = np.maximum(p @ encoder, tiny)
        decoder = (encoder * p[:, np.newaxis]).T @ kinds / pt[:, np.newaxis]
        # D(p(y|x) || p(y|t)) in nats, (kinds, values)
        plain = np.where(kinds > 0, kinds * np.log(np.maximum(kinds, tiny)), 0.0).sum(axis=1)
        distance = plain[:, np.newaxis] - kinds @ np.log(np.maximum(decoder, tiny)).T
        scores = np.log(pt) - beta * distance
        scores -= scores.max(axis=1, keepdims=True)
        new = np.exp(scores)
        new /= new.sum(axis=1, keepdims=True)
        moved = float(np.abs(new - encoder).max())
        encoder = new
        if moved < _DONE:
            break
    with_x = encoder * p[:, np.newaxis]
    return information(with_x), information(with_x.T @ kinds)


def curve(joint: np.ndarray) -> list[tuple[float, float]]:
    """The points of several beta, and the origin, in the order of I(X;T): lines between them are feasible
    too."""
    found = {(0.0, 0.0)} | {tuple(round(one, 9) for one in blahut_arimoto(joint, beta)) for beta in BETAS}
    return sorted((a, b) for a, b in found)
