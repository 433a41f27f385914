"""What formats/decoder/ computes from the inputs of the vectors of networks over sequences."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))

from decoder.random_numbers import Stream
from decoder.sequence_networks import SequenceNetwork, flat
from decoder.sequences import (
    Attention,
    Embedding,
    LayerNormalisation,
    Lstm,
    Positions,
    Rotation,
    lanesum,
)
from decoder.text_learning import decode_learned


def _node(node, x, g, names, *weights):
    y = node.forward(x, list(weights))
    dx, gradients = node.backward(g)
    slopes = {} if dx is None else {"dx": dx}
    return {"y": y, **slopes, **dict(zip(names, gradients, strict=True))}


def scores(network, key, symbols, g):
    made = SequenceNetwork(network, Stream(*key))
    return {"scores": made.scores(symbols), "gradient": flat(made.gradients(g))}


CHECKS = {
    "sequences": {
        "lanesum": lambda x: {"sum": lanesum(x)},
        "embedding": lambda symbols, w, g: _node(Embedding(w.shape[1], len(w)), symbols, g, ["dw"], w),
        "positions": lambda x, w, g: _node(Positions(*w.shape), x, g, ["dw"], w),
        "layer normalisation": lambda x, w, b, g: _node(LayerNormalisation(len(w)), x, g, ["dw", "db"], w, b),
        "rotation": lambda x, heads, g: _node(Rotation(heads), x, g, []),
        "attention": lambda x, heads, g, window=0: _node(Attention(heads, window), x, g, []),
        "LSTM cells": lambda x, w_ih, w_hh, b, g: _node(
            Lstm(w_ih.shape[1], w_hh.shape[1]), x, g, ["dw_ih", "dw_hh", "db"], w_ih, w_hh, b
        ),
        "scores": scores,
        "learned text": lambda payload, n, net, preset: {"text": decode_learned(payload, n, net, preset, 0)},
    }
}
