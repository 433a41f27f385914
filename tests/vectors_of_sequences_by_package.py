"""What the package computes from the inputs of the vectors of networks over sequences."""

import numpy as np

from mdlcodec.codes.text import text_code_named
from mdlcodec.exact.attention import Attention
from mdlcodec.exact.choice import chosen_arithmetic
from mdlcodec.exact.embedding import Embedding, Positions
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.exact.lanes import lane_sum
from mdlcodec.exact.layer_normalisation import LayerNormalisation
from mdlcodec.exact.linear import Arithmetic
from mdlcodec.exact.lstm import Lstm
from mdlcodec.exact.random import Stream
from mdlcodec.exact.rotation import Rotation
from mdlcodec.nn.exact_training import Network
from mdlcodec.nn.steps import Steps
from mdlcodec.nn.zoo.sequences import sequence_architecture_named


def _node(function, g, names, *inputs):
    y, saved = function.forward(*inputs)
    slopes = zip(names, function.backward(saved, g), strict=True)
    return {"y": y} | {name: slope for name, slope in slopes if slope is not None}


def _engine(engine):
    return chosen_arithmetic().engine if engine is None else engine


def attention(x, heads, g, window=0, engine=None):
    return _node(Attention, g, ["dx"], x, heads, _engine(engine), window)


def lstm(x, w_ih, w_hh, b, g, engine=None):
    arithmetic = Arithmetic(_engine(engine), INPUT_DIGITS)
    return _node(Lstm, g, ["dx", "dw_ih", "dw_hh", "db"], x, w_ih, w_hh, b, arithmetic)


def scores(network, key, symbols, g, engine=None):
    architecture, arithmetic = sequence_architecture_named(network), Arithmetic(_engine(engine))
    shape = (architecture.places,)
    made = Network(architecture.graph, shape, arithmetic, Stream(*key), Stream(0, 0))
    steps = Steps(architecture.graph, architecture.places, made.views(made.vector), arithmetic)
    found = steps.scores(symbols)
    gradient = made.gradient(symbols, symbols, 0.0, lambda *_: (0.0, g, None))[1]
    return {"scores": found, "gradient": gradient}


def learned_text(payload, n, net, preset):
    code = text_code_named("prequential", net)
    settings = code.settings(preset, 0)
    text = code.decode(payload, n, settings, lambda *_: None)
    assert code.encode(text, settings, lambda *_: None).payload == payload
    return {"text": text}


CHECKS = {
    "sequences": {
        "lanesum": lambda x: {"sum": np.array([lane_sum(row) for row in x])},
        "embedding": lambda symbols, w, g: _node(Embedding, g, ["dx", "dw"], symbols, w),
        "positions": lambda x, w, g: _node(Positions, g, ["dx", "dw"], x, w),
        "layer normalisation": lambda x, w, b, g: _node(LayerNormalisation, g, ["dx", "dw", "db"], x, w, b),
        "rotation": lambda x, heads, g: _node(Rotation, g, ["dx"], x, heads),
        "attention": attention,
        "LSTM cells": lstm,
        "scores": scores,
        "learned text": learned_text,
    }
}
