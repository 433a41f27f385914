"""Fully connected networks of any widths and either activation, by names that say so: mlp-300-100, mlp-64-tanh."""

from __future__ import annotations

import re

from mdlcodec.errors import BadData
from mdlcodec.exact.integers import INPUT_DIGITS
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import Flatten, Linear, Rectify, Tanh
from mdlcodec.nn.nodes.flatten import CHANNELS_LAST

_NAME = re.compile(r"mlp((?:-[1-9][0-9]{0,4}){1,32})(-tanh)?")


def mlp(widths: tuple[int, ...], tanh: bool = False) -> Graph:
    """Hidden layers of these widths. Names are fc1, fc2, ..; images are flattened (rows, columns, channels)."""
    net = Builder()
    net(Flatten(CHANNELS_LAST))
    for number, width in enumerate(widths, 1):
        net(Linear(width, digits=INPUT_DIGITS), name=f"fc{number}")
        net(Tanh() if tanh else Rectify())
    net(Linear(digits=INPUT_DIGITS), name=f"fc{len(widths) + 1}")
    return net.graph()


def mlp_named(name: str) -> Graph | None:
    """The network of such a name; None for another name. Raises BadData for one that only begins like it."""
    if not name.startswith("mlp-"):
        return None
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadData(
            f"no network named {name!r}; a fully connected one is named mlp-300-100 or mlp-300-100-tanh, by the "
            "widths of its hidden layers"
        )
    widths = tuple(int(width) for width in match[1][1:].split("-"))
    return mlp(widths, tanh=match[2] is not None)
