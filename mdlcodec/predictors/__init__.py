"""The named predictors. Adding one is one new file and one line in ``PREDICTORS``; `predictor_for` chooses between
two of one name.

The table holds module names, so that naming a predictor does not import torch.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from mdlcodec.container.ids import LOWEST_PRESET, NetId
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.nn.zoo import ARCHITECTURES, is_architecture

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs
    from mdlcodec.predictors.contract import PredictorFamily


@dataclass(frozen=True)
class Registered:
    """A predictor's name, its number in the file, and the module whose FAMILY it is."""

    name: str
    number: int
    module: str
    products: bool = True  # an engine multiplies for it, on the device that was chosen
    reals: bool = True  # real numbers are predicted too, see mdlcodec.predictors.reals

    def load(self) -> "PredictorFamily":
        """Imports the module."""
        family: PredictorFamily = import_module(self.module).FAMILY
        return family


@dataclass(frozen=True)
class RegisteredNetwork(Registered):
    """A network of the zoo, one without branches."""

    def load(self) -> "PredictorFamily":
        """Imports the module."""
        family: PredictorFamily = import_module(self.module).FAMILIES[self.number]
        return family


PREDICTORS = (
    Registered("mlp", NetId.MLP, "mdlcodec.predictors.mlp"),
    Registered("cnn", NetId.CNN, "mdlcodec.predictors.cnn", reals=False),
    # what --net cnn is for large images, under presets that have time
    Registered("cnn", NetId.COLOUR_CNN, "mdlcodec.predictors.colour_images", reals=False),
    Registered("cnn", NetId.GREY_CNN, "mdlcodec.predictors.grey_images", reals=False),
    Registered("kernel", NetId.KERNEL, "mdlcodec.predictors.kernel", products=False),
    *(
        RegisteredNetwork(network.name, network.number, "mdlcodec.predictors.zoo_networks", reals=False)
        for network in ARCHITECTURES.values()
        if network.is_prequential
    ),
)

# what the switching code runs: see mdlcodec.predictors.switched
SEVERAL = "several"

# images whose smaller side has so many places are large
LARGE_SIDE = 20
# and those of so many channels are learned in another way from this preset on
_LARGE = {3: (NetId.COLOUR_CNN, 4), 1: (NetId.GREY_CNN, 5)}
LARGE_NUMBERS = tuple(number for number, _ in _LARGE.values())

# up to here the kernel predictor is the better one, and its factor fits the memory
KERNEL_LIMIT = 4000


def predictor_named(name: str) -> Registered:
    """The predictor of that name; raises BadData for an unknown one."""
    for entry in PREDICTORS:
        if entry.name == name:
            return entry
    names = ", ".join(["auto", *dict.fromkeys(entry.name for entry in PREDICTORS)])
    if name == SEVERAL:
        raise BadData(f"--net {name} is for --code switching; choose one of {names}")
    if is_architecture(name):
        raise BadData(f"--net {name} is for codes that transmit a network; choose one of {names}")
    raise BadData(f"no network named {name!r}; choose one of {names}")


def number_of_images(inputs: "Inputs", preset: int) -> NetId:
    """What networks of images are under that preset: NetId.CNN, or what large ones in colour or grey have."""
    if inputs.is_images and min(inputs.features.shape[1:3]) >= LARGE_SIDE:
        number, from_preset = _LARGE.get(inputs.features.shape[3], (NetId.CNN, LOWEST_PRESET))
        if preset >= from_preset:
            return number
    return NetId.CNN


def predictor_for(name: str, inputs: "Inputs", preset: int) -> Registered:
    """The predictor of that name for these inputs under that preset; raises BadData for an unknown name."""
    entry = predictor_named(name)
    return predictor_numbered(number_of_images(inputs, preset)) if entry.number == NetId.CNN else entry


def predictor_numbered(number: int) -> Registered:
    """The predictor with that number in a file's header; raises Unsupported for an unknown one."""
    for entry in PREDICTORS:
        if entry.number == number:
            return entry
    raise Unsupported(
        f"the file uses network number {number}, which this version does not know; upgrade mdlcodec"
    )


def multiplies(name: str | None) -> bool:
    """Whether an engine multiplies for the network of that name; None for no network."""
    return name is not None and (name == SEVERAL or is_architecture(name) or predictor_named(name).products)


def auto_name(inputs: "Inputs", reals: bool = False) -> str:
    """The predictor that `--net auto` takes, from the shape and number of the inputs alone, and for reals."""
    if inputs.n <= KERNEL_LIMIT:
        return "kernel"
    return "cnn" if inputs.is_images and not reals else "mlp"
