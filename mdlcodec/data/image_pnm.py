"""PNM files: one image of 8 bits, and nothing after it (formats/data.md, Folders of images)."""

from __future__ import annotations

import re

import numpy as np

from mdlcodec.data.image_refusal import SEVERAL, Damaged, Refused
from mdlcodec.limits import check_reading

_GAP = rb"(?:[ \t\n\v\f\r]|(?<=[ \t\n\v\f\r])#[^\r\n]*[\r\n])+"
_SIZE = _GAP + rb"([0-9]{1,10})" + _GAP + rb"([0-9]{1,10})"
_HEADER = re.compile(rb"P(?:([14])" + _SIZE + rb"|([2356])" + _SIZE + _GAP + rb"255)[ \t\n]")
_NO_HEADER = "has no header of PNM with 8 bits, 255 the largest value; convert the images to PNG"
_LONGEST_HEADER = 4096
_OF_SPACE = b" \t\n\v\f\r"
_COPIES = 8  # of text
_TWO_VALUES = (1, 4)
_IN_COLOUR = (3, 6)


def _check_text(text: bytes, kind: int, values: int) -> None:
    """That there are as many values, written as decimal numbers (bits need no space between them)."""
    check_reading(_COPIES * len(text), "an image written as text")
    code = np.frombuffer(text, np.uint8)
    is_space = (code == ord(" ")) | ((code >= ord("\t")) & (code <= ord("\r")))
    if not np.all(is_space | ((code >= ord("0")) & (code <= ord("9")))):
        raise Damaged("something that is no number stands among its values")
    starts = ~is_space if kind in _TWO_VALUES else ~is_space & np.concatenate(([True], is_space[:-1]))
    if kind not in _TWO_VALUES and not is_space[-1:].all():
        raise Damaged("no space follows its last value, which may be cut short")
    count = int(np.count_nonzero(starts))
    if count != values:
        raise Damaged("values are missing") if count < values else Refused(SEVERAL)


def check(raw: bytes) -> None:
    """Raise Refused unless a file that begins as PNM does is one image, P1 to P6."""
    header = _HEADER.match(raw, 0, _LONGEST_HEADER)
    if header is None:
        raise Refused(_NO_HEADER)
    kind, width, height = (int(group) for group in header.groups() if group is not None)
    channels = 3 if kind in _IN_COLOUR else 1
    content = raw[header.end() :]
    if kind <= 3:
        _check_text(content, kind, width * height * channels)
        return
    size = height * ((width + 7) // 8 if kind in _TWO_VALUES else width * channels)
    if len(content) < size:
        raise Damaged("rows are missing")
    if content[size:].strip(_OF_SPACE):
        raise Refused(SEVERAL)
