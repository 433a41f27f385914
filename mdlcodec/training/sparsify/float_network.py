"""The named networks of the two-part code in ordinary float32, as the sender trains them.

Tensors travel as a dict: ``conv1.weight`` (out, in, 5, 5), ``fc1.weight`` (out, in), ``conv1.bias`` (out,) etc.
Widths may be smaller than the nominal ones. The biases of convolutions stay zero: a constant passes through max
pooling and the next layer unchanged, so the bias of the first full layer says all that they could.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from .convolution import LANES, ConvolvePool

Tensors = dict[str, torch.Tensor]
SMALLEST_IMAGE = 16  # pixels a side that lenet5 can take: two 5x5 convolutions, each halved
_EVALUATED = 2048  # examples per call when nothing is trained


@dataclass(frozen=True)
class Architecture:
    """A named network for given inputs: layers in order, and the nominal shape of every weight tensor."""

    name: str
    image: tuple[int, int, int] | None  # channels, height, width; None for a network without convolutions
    shapes: dict[str, tuple[int, ...]]  # layer -> shape of its weight

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, first to last."""
        return tuple(self.shapes)

    @property
    def full_layers(self) -> tuple[str, ...]:
        """The names of the fully connected layers, first to last."""
        return tuple(name for name in self.shapes if name.startswith("fc"))

    @property
    def places(self) -> int:
        """Places of the last pooled map, each of which is an input of fc1; 1 without convolutions."""
        return self.shapes["fc1"][1] // self.shapes["conv2"][0] if self.image else 1


def architecture(
    name: str, inputs: tuple[int, ...], classes: int, widths: tuple[int, ...] | None = None
) -> Architecture:
    """The network ``name`` for inputs of shape (h, w, c) or (d,) and ``classes`` outputs.

    ``widths``: units of the hidden layers, the nominal ones by default (lenet5: 20, 50, 500 as in Caffe;
    lenet-300-100: 300, 100). Raises ValueError for an unknown name and for inputs that do not fit.
    """
    if name == "lenet-300-100":
        first, second = widths or (300, 100)
        return Architecture(
            name,
            None,
            {"fc1": (first, int(np.prod(inputs))), "fc2": (second, first), "fc3": (classes, second)},
        )
    if name != "lenet5":
        raise ValueError(f"no network named {name!r}; choose lenet5 or lenet-300-100")
    if len(inputs) != 3:
        raise ValueError(
            "lenet5 needs images of shape (height, width, channels); use lenet-300-100 for other inputs"
        )
    height, width, channels = inputs
    places = [((side - 4) // 2 - 4) // 2 for side in (height, width)]
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"lenet5 needs images of at least {SMALLEST_IMAGE} x {SMALLEST_IMAGE} pixels, "
            f"not {height} x {width}; use lenet-300-100"
        )
    first, second, third = widths or (20, 50, 500)
    return Architecture(
        name,
        (channels, height, width),
        {
            "conv1": (first, channels, 5, 5),
            "conv2": (second, first, 5, 5),
            "fc1": (third, second * places[0] * places[1]),
            "fc2": (classes, third),
        },
    )


def arranged(net: Architecture, x: np.ndarray) -> torch.Tensor:
    """Examples as the network reads them: (n, c, h, w) from (n, h, w, c) for images, else (n, d)."""
    if net.image is None:
        return torch.from_numpy(np.ascontiguousarray(x.reshape(len(x), -1), np.float32))
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32))


def forward(net: Architecture, batch: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Logits (n, classes) of a batch as `arranged` gives it; n is a multiple of LANES for images."""
    values = batch
    if net.image is not None:
        values = batch.reshape(-1, LANES, *batch.shape[1:]).permute(0, 2, 3, 4, 1).contiguous()
        for name in ("conv1", "conv2"):
            values = ConvolvePool.apply(values, tensors[f"{name}.weight"])
        values = values.flatten(1, 3).transpose(1, 2).reshape(len(batch), -1)
    for name in net.full_layers:
        values = functional.linear(values, tensors[f"{name}.weight"], tensors[f"{name}.bias"])
        if name != net.full_layers[-1]:
            values = functional.relu(values)
    return values


@torch.no_grad()
def logits(net: Architecture, x: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Logits (n, classes) of all examples, a few thousand at a time; any n."""
    out = []
    for start in range(0, len(x), _EVALUATED):
        batch = x[start : start + _EVALUATED].float()
        filling = batch[:1].expand(-len(batch) % LANES, *batch.shape[1:])
        out.append(forward(net, torch.cat([batch, filling]), tensors)[: len(batch)])
    return torch.cat(out)


def batches(examples: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Endless index batches (size,), int64, from one random order of the examples after another."""
    waiting = torch.empty(0, dtype=torch.int64)
    while True:
        while len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(examples, generator=generator)])
        yield waiting[:size]
        waiting = waiting[size:]


def random_weights(net: Architecture, generator: torch.Generator) -> Tensors:
    """He initialisation of the weights, zero biases; one tensor per name."""
    tensors: Tensors = {}
    for name, shape in net.shapes.items():
        scale = (2 / int(np.prod(shape[1:]))) ** 0.5
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) * scale
        tensors[f"{name}.bias"] = torch.zeros(shape[0])
    return tensors
