"""The presets -1 (seconds) to -9 (hours), in one place; fixed by number in the format.

A preset changes how much is learned, never what the code means. They were tuned on MNIST's and
Fashion-MNIST's test images and other data named in bench/results/presets.md. For presets 4 to 9 of large grey
images, networks were trained on training images and judged on test images: the codelength of training labels
was never tuned on, and the first 20,000 of MNIST were coded once, in float32, as a confirmation. What learns large
images in colour was first chosen on the first 4,000 training labels of CIFAR-10, and then again on its test images.
"""

from dataclasses import dataclass
from typing import TypeVar

from mdlcodec.container.ids import HIGHEST_PRESET, LOWEST_PRESET, PROBE_PRESET
from mdlcodec.errors import Unsupported

DEFAULT_PRESET = 5


@dataclass(frozen=True)
class Effort:
    """How much a network predictor learns under a preset."""

    steps: int  # scale of the schedule of steps
    width: int  # channels of the widest convolution, or units of a hidden layer
    members: int


# T(m) = steps * m; members are networks with different dropout
MLP = {
    1: Effort(steps=1, width=64, members=1),
    2: Effort(steps=1, width=128, members=1),
    3: Effort(steps=1, width=192, members=1),
    4: Effort(steps=1, width=256, members=1),
    5: Effort(steps=1, width=256, members=2),
    6: Effort(steps=1, width=256, members=3),
    7: Effort(steps=2, width=512, members=3),
    8: Effort(steps=2, width=1024, members=6),
    9: Effort(steps=3, width=1024, members=9),
}

# of probes, whose columns are not encoded; T(m) = steps * m^(4/5)
MLP_PROBE = Effort(steps=2, width=256, members=1)

# T(m) = steps * m^(3/4); for small images, and the quick presets of large ones
CNN = {
    1: Effort(steps=2, width=16, members=1),
    2: Effort(steps=4, width=16, members=1),
    3: Effort(steps=5, width=32, members=1),
    4: Effort(steps=7, width=32, members=1),
    5: Effort(steps=10, width=32, members=1),
    6: Effort(steps=12, width=32, members=2),
    7: Effort(steps=20, width=48, members=2),
    8: Effort(steps=40, width=64, members=3),
    9: Effort(steps=60, width=96, members=4),
}


@dataclass(frozen=True)
class LargeEffort(Effort):
    """The same for large images: convolutions of ``width`` channels, then ``wide`` of twice as many."""

    wide: int


# T(m) = steps * m^(3/5)
CNN_LARGE = {
    4: LargeEffort(steps=20, width=32, members=1, wide=1),
    5: LargeEffort(steps=24, width=32, members=2, wide=1),
    6: LargeEffort(steps=32, width=32, members=3, wide=1),
    7: LargeEffort(steps=36, width=48, members=2, wide=2),
    8: LargeEffort(steps=40, width=64, members=2, wide=2),
    9: LargeEffort(steps=40, width=64, members=4, wide=2),
}


@dataclass(frozen=True)
class ColourEffort:
    """How much networks of large images in colour learn under a preset."""

    images: int  # scale of the schedule of images: T(m) = images * m^(3/4)
    widths: tuple[int, ...]  # channels of each stage
    members: int


_NARROW, _MIDDLE = (32, 128, 128), (48, 192, 192)

# what learns all labels, and what learns the first ones beside it: two networks are worth more than one for long
# while labels are few, and less when they are many
COLOUR: dict[int, tuple[ColourEffort, ColourEffort | None]] = {
    4: (ColourEffort(60, _NARROW, 1), None),
    5: (ColourEffort(160, _NARROW, 1), ColourEffort(100, _NARROW, 1)),
    6: (ColourEffort(260, _NARROW, 1), ColourEffort(160, _NARROW, 1)),
    7: (ColourEffort(260, _MIDDLE, 1), ColourEffort(160, _NARROW, 1)),
    8: (ColourEffort(240, _MIDDLE, 2), ColourEffort(160, _NARROW, 1)),
    9: (ColourEffort(340, _MIDDLE, 4), None),
}

# how many labels the first ones are
COLOUR_FIRST = 6000


@dataclass(frozen=True)
class GreyEffort:
    """How much the kinds of networks of large grey images learn under a preset."""

    selective: LargeEffort
    mirrored: ColourEffort
    warped: ColourEffort | None


GREY = {
    5: GreyEffort(LargeEffort(24, 32, 2, 1), ColourEffort(60, _NARROW, 1), None),
    6: GreyEffort(LargeEffort(32, 32, 3, 1), ColourEffort(60, _NARROW, 1), ColourEffort(60, _NARROW, 1)),
    7: GreyEffort(LargeEffort(28, 48, 2, 2), ColourEffort(60, _NARROW, 1), ColourEffort(100, _NARROW, 1)),
    8: GreyEffort(LargeEffort(32, 48, 2, 2), ColourEffort(100, _NARROW, 1), ColourEffort(130, _NARROW, 1)),
    9: GreyEffort(LargeEffort(36, 48, 4, 2), ColourEffort(150, _MIDDLE, 1), ColourEffort(150, _MIDDLE, 1)),
}


# T(m) = steps * m^(3/4), of networks by name
ZOO_STEPS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 12, 8: 16, 9: 24}


@dataclass(frozen=True)
class KernelEffort:
    """What a preset of the kernel predictor computes."""

    filters: int  # convolutional features per place of an image
    # (width, ridge): exp(-d / (width * median d)), each with scores of its own
    kernels: tuple[tuple[float, float], ...]


_FEW = ((0.5, 0.2), (2.0, 0.06))
_SOME = ((0.5, 0.1), (0.5, 0.3), (2.0, 0.05), (2.0, 0.2), (8.0, 0.02))
_MANY = ((0.25, 0.3), *_SOME, (8.0, 0.1), (32.0, 0.01))

KERNEL = {
    1: KernelEffort(32, _FEW[1:]),
    2: KernelEffort(32, _FEW),
    3: KernelEffort(64, _FEW),
    4: KernelEffort(128, _FEW),
    5: KernelEffort(128, _SOME),
    6: KernelEffort(128, _SOME),
    7: KernelEffort(256, _SOME),
    8: KernelEffort(256, _MANY),
    9: KernelEffort(512, _MANY),
    PROBE_PRESET: KernelEffort(32, _FEW),
}

# of real numbers: ridges as small as low noise needs; the wide ones are linear models in effect
_REAL_FEW = ((2.0, 0.03), (8.0, 0.01))
_REAL_SOME = ((0.5, 0.05), (2.0, 0.003), (2.0, 0.03), (2.0, 0.3), (8.0, 0.003), (8.0, 0.03), (64.0, 0.01))
_REAL_MANY = (*_REAL_SOME, (1.0, 0.01), (4.0, 0.003), (4.0, 0.1), (32.0, 0.001))

KERNEL_REALS = {
    preset: KernelEffort(
        effort.filters, _REAL_FEW if preset < 3 else _REAL_SOME if preset < 7 else _REAL_MANY
    )
    for preset, effort in KERNEL.items()
    if preset <= HIGHEST_PRESET
}

# of more than 4,000 examples, the first ones that the kernel machine and the neighbours are for
SWITCHING = {
    1: 500,
    2: 1000,
    3: 1000,
    4: 2000,
    5: 2000,
    6: 2000,
    7: 4000,
    8: 4000,
    9: 8000,
    PROBE_PRESET: 2000,
}

_Row = TypeVar("_Row")


def check_preset(preset: int) -> None:
    """Raise Unsupported for a number this version does not have; that of probes is for what has a row of it."""
    if not LOWEST_PRESET <= preset <= HIGHEST_PRESET:
        raise _unknown(preset)


def _unknown(preset: int) -> Unsupported:
    return Unsupported(f"the file uses preset {preset}, which this version does not know; upgrade mdlcodec")


def effort_of(table: dict[int, _Row], preset: int) -> _Row:
    """The preset's row; raises Unsupported for a number this version does not have."""
    if preset not in table:
        raise _unknown(preset)
    return table[preset]
