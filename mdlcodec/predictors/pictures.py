"""What networks of images share (formats/prequential.md, "cnn"; formats/switching.md, "Stopping times")."""

import numpy as np

from mdlcodec.data.dataset import Inputs
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.exact.sums import column_sums_of_squares
from mdlcodec.nn.graph import channels_first
from mdlcodec.nn.node import Shape
from mdlcodec.predictors import number_of_images
from mdlcodec.predictors.presets import check_preset

# the schedules of copies of one network, in sixths: stopping times
_SIXTHS = (6, 5, 4, 3)


def check_images(inputs: Inputs) -> None:
    """Raise BadData for inputs that are columns."""
    if not inputs.is_images:
        raise BadData("--net cnn needs images, and these inputs are columns; choose --net mlp or kernel")


def large_shape(number: int, inputs: Inputs, preset: int) -> Shape:
    """The shape (c, h, w) of large images that the network of that number is for under that preset.

    Raises Unsupported for others.
    """
    check_preset(preset)
    if number_of_images(inputs, preset) != number:
        raise Unsupported(
            f"the file uses network number {number} for these images, or with preset {preset}, which this version "
            "does not know; upgrade mdlcodec"
        )
    return channels_first(inputs.features.shape[1:])


def standardised(images: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Images divided by the root of the mean square of the images ``like``, their own by default (float64, then
    float32)."""
    flat = (images if like is None else like).reshape(-1, 1)
    mean_square = column_sums_of_squares(flat)[0] / np.float64(flat.shape[0])
    if mean_square == 0.0:
        return images
    out = np.empty_like(images)
    for i in range(images.shape[0]):  # image by image: no float64 copy of the whole
        out[i] = (images[i].astype(np.float64) / np.sqrt(mean_square)).astype(np.float32)
    return out


def stopped(scale: int, member: int) -> int:
    """The scale of a schedule, for the copy of a network with that number that stops earlier."""
    return max(1, scale * _SIXTHS[member % len(_SIXTHS)] // 6)


def moved_by_a_place(images: np.ndarray) -> list[np.ndarray]:
    """The images, and moved by one pixel left, right, up, down, zero where nothing is; (n, h, w, c) each."""
    left, right, up, down = (np.zeros_like(images) for _ in range(4))
    left[:, :, :-1], right[:, :, 1:] = images[:, :, 1:], images[:, :, :-1]
    up[:, :-1], down[:, 1:] = images[:, 1:], images[:, :-1]
    return [images, left, right, up, down]
