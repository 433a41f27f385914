"""Narrow layered networks, for codes whose length grows with every weight (formats/variational.md, "Networks").

Blier & Ollivier 2018, section 3.3: small LeNets gave the shortest variational codelengths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.errors import BadData, Unsupported
from mdlcodec.nets.architectures import Layer, Layered, Shape

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs


def _convolution(kernel: int) -> Layer:
    return Layer("convolution", relu=True, pool=True, kernel=kernel)


NARROW = {
    architecture.name: architecture
    for architecture in (
        Layered("narrow-lenet", 6, (_convolution(5), _convolution(5), Layer("linear")), (8, 16)),
        Layered("narrow-convolution", 7, (_convolution(3), Layer("linear")), (8,)),
        Layered("narrow-mlp", 8, (Layer("linear", relu=True), Layer("linear")), (32,)),
    )
}


def narrow_for(code: str, net: str, inputs: Inputs) -> Layered:
    """The network of that name, or what `auto` takes. Raises BadData for one that is not, or does not fit."""
    shape = inputs.features.shape[1:]
    if net == "auto":
        net = next(name for name, architecture in NARROW.items() if _fits(architecture, shape))
    if net not in NARROW:
        names = ", ".join(["auto", *NARROW])
        raise BadData(f"--code {code} has no network named {net!r}; choose one of {names}")
    NARROW[net].inputs_of(shape)  # do they fit?
    return NARROW[net]


def narrow_numbered(number: int) -> Layered:
    """The network with that number in a file's header; raises Unsupported for an unknown one."""
    for architecture in NARROW.values():
        if architecture.number == number:
            return architecture
    raise Unsupported(
        f"the file uses network number {number} with the variational code, which this version does not know; "
        "upgrade mdlcodec"
    )


def _fits(architecture: Layered, shape: Shape) -> bool:
    try:
        architecture.inputs_of(shape)
    except BadData:
        return False
    return True
