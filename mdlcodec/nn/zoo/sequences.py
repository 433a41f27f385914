"""Networks over bytes, by name (formats/sequences.md, "Networks by name"). Adding one is a line in ``_KNOWN``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mdlcodec.container.ids import NetId
from mdlcodec.errors import BadData
from mdlcodec.nn.graph import Builder, Graph
from mdlcodec.nn.nodes import (
    Addition,
    Attention,
    Embedding,
    Gelu,
    LayerNormalisation,
    Linear,
    Lstm,
    Rotation,
)
from mdlcodec.nn.zoo.architecture import Architecture

SYMBOLS = 256
WINDOW = 128  # places that attention looks at


@dataclass(frozen=True)
class SequenceArchitecture(Architecture):
    """A network from symbols (t,), of any length, to scores of what follows each, (t, 256); ``places``: of the
    sequences that a sender trains it on."""

    places: int = 256

    @property
    def size(self) -> int:
        """Number of its weights."""
        return self.graph.size((self.places,))


def transformer(width: int, layers: int, heads: int, window: int) -> Graph:
    """Pre-norm blocks (Radford et al. 2019) with rotary positions (Su et al. 2021): attention to the last
    ``window`` places, then two linear layers of four times the width with a GELU between them, each added to what
    entered it.

    Names are embedding, of block b norm1.b, qkv.b, out.b, norm2.b, fc1.b, fc2.b, then norm and scores.
    """
    net = Builder()
    spread = float(np.sqrt(np.float64(1.0 / width)))
    x = net(Embedding(width, SYMBOLS, spread), name="embedding")
    # what is added to grows with the number of blocks, unless each begins smaller
    less = float(1.0 / np.sqrt(np.float64(2 * layers)))
    for b in range(1, layers + 1):
        net(LayerNormalisation(), (x,), name=f"norm1.{b}")
        net(Linear(3 * width, gain=1.0), name=f"qkv.{b}")
        net(Rotation(heads), name=f"rotation.{b}")
        net(Attention(heads, window), name=f"attention.{b}")
        y = net(Linear(width, gain=less), name=f"out.{b}")
        x = net(Addition(), (x, y), name=f"sum1.{b}")
        net(LayerNormalisation(), name=f"norm2.{b}")
        net(Linear(4 * width, gain=1.0), name=f"fc1.{b}")
        net(Gelu(), name=f"gelu.{b}")
        y = net(Linear(width, gain=less), name=f"fc2.{b}")
        x = net(Addition(), (x, y), name=f"sum2.{b}")
    net(LayerNormalisation(), name="norm")
    net(Linear(SYMBOLS, gain=0.5), name="scores")
    return net.graph()


def lstm(width: int, layers: int) -> Graph:
    """Layers of cells one above the other (Graves 2013). Names are embedding, lstm1, .., scores."""
    net = Builder()
    net(Embedding(width, SYMBOLS), name="embedding")
    for number in range(1, layers + 1):
        net(Lstm(width), name=f"lstm{number}")
    net(Linear(SYMBOLS, gain=0.5), name="scores")
    return net.graph()


_KNOWN = tuple(
    SequenceArchitecture(name, NetId.NONE, graph)  # the header of a text file has numbers of its own
    for name, graph in (
        ("transformer-small", transformer(64, 2, 2, WINDOW)),
        ("transformer-medium", transformer(128, 3, 4, WINDOW)),
        ("transformer", transformer(256, 4, 4, WINDOW)),
        ("lstm-small", lstm(128, 1)),
        ("lstm", lstm(256, 2)),
    )
)
SEQUENCE_ARCHITECTURES: Mapping[str, SequenceArchitecture] = {each.name: each for each in _KNOWN}


def sequence_architecture_named(name: str) -> SequenceArchitecture:
    """The network of that name. Raises BadData for an unknown one."""
    if name not in SEQUENCE_ARCHITECTURES:
        raise BadData(
            f"no network over bytes named {name!r}; choose one of {', '.join(SEQUENCE_ARCHITECTURES)}"
        )
    return SEQUENCE_ARCHITECTURES[name]
