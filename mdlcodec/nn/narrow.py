"""Narrow layered networks, for codes whose length grows with every weight (formats/variational.md, "Networks").

Blier & Ollivier 2018, section 3.3: small LeNets gave the shortest variational codelengths.
"""

from mdlcodec.nn.architectures import Layer, Layered


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
