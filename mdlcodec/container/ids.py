"""Every number that is given out, in one place: none is ever given to another (labels.md, arithmetic.md)."""

from enum import IntEnum


class CodeId(IntEnum):
    """Codes, in the header of label files."""

    UNIFORM = 0
    PREQUENTIAL = 1
    TWO_PART = 2
    TWO_PART_RAW = 3
    SUBSPACE = 4
    VARIATIONAL = 5
    SWITCHING = 6


class NetId(IntEnum):
    """What learns or is transmitted, in the header of label files; 0 where a code has none."""

    NONE = 0
    MLP = 1
    CNN = 2
    KERNEL = 3
    LENET5 = 4
    LENET_300_100 = 5
    NARROW_LENET = 6
    NARROW_CONVOLUTION = 7
    NARROW_MLP = 8
    RESNET20 = 9
    RESNET32 = 10
    RESNET56 = 11
    VGG16 = 12
    # 13: that of an early version for large images in colour, gone
    GREY_CNN = 14  # that of presets 5 to 9 for large grey images
    SHALLOW = 15
    TINY_CNN = 16
    VGGA = 17
    VGGB = 18
    COLOUR_CNN = 19  # the cnn of presets 4 to 9 for large images in colour, and the switching code with it
    MOBILENET_0_5 = 20
    NAMED = 127  # its name and version stand in the header


class TextNetId(IntEnum):
    """What predicts the bytes of a text, in the header of text files; 0 where a code has none."""

    NONE = 0
    # 1 and 4: those of early versions for MIXING and MIXING_LSTM, gone
    TRANSFORMER = 2
    LSTM = 3
    TRANSFORMER_SMALL = 5
    TRANSFORMER_MEDIUM = 6
    LSTM_SMALL = 7
    MIXING = 8
    MIXING_LSTM = 9


LOWEST_PRESET, HIGHEST_PRESET = 1, 9
PROBE_PRESET = 10  # of many columns that are representations


class Purpose(IntEnum):
    """What a random stream is for: half of its key (formats/arithmetic.md, section 5)."""

    INITIAL = 1  # weights of a network that learns on both sides; of a sender's dense training
    BATCHES = 2
    NOISE = 3  # of dropout
    WARPS = 4
    FILTERS = 16  # of the kernel machine's features
    SUBSPACE_INITIAL = 32
    SUBSPACE_PLACES = 33
    SUBSPACE_SIGNS = 34
    CANDIDATES = 48  # samples of the prior
    CANDIDATES_ORDER = 49
