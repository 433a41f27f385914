"""One image file as pixels, or a line saying why not (formats/data.md, Folders of images)."""

from __future__ import annotations

import io
import logging
import os
import re
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from mdlcodec.data import image_bmp, image_png, image_pnm, image_tiff, image_webp
from mdlcodec.data.dataset import quoted
from mdlcodec.data.image_png import Png
from mdlcodec.data.image_refusal import LOSSY, NEITHER, TURNED, Refused
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.limits import check_reading

ENDINGS = (".png", ".bmp", ".pbm", ".pgm", ".ppm", ".pnm", ".tif", ".tiff", ".webp")
"""How names of images end, in any case."""

LOSSY_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".avif", ".heic", ".heif", ".jxl")
OTHER_ENDINGS = (".gif", ".tga", ".ico", ".qoi", ".psd", ".svg", ".exr", ".hdr")
MAX_IMAGE_BYTES = 2**28
"""Most bytes of one file, and of its pixels."""

_COPIES = 4  # of a file
_BYTES_OF_A_PIXEL = 20  # while it is decoded, and looked at for transparency

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Pillow's words go to the terminal

_FORMATS = ("PNG", "BMP", "PPM", "TIFF", "WEBP")
_ORIENTATION = 274  # a tag of EXIF and of TIFF
_GREY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA")  # Pillow's modes


def is_image(name: str) -> bool:
    """Whether a file of this name is read as an image. Raises BadData for images that cannot be."""
    ending = os.path.splitext(name)[1].lower()
    if ending in LOSSY_ENDINGS:
        raise BadData(f"{quoted(name)} {LOSSY}")
    if ending in OTHER_ENDINGS:
        raise BadData(f"{quoted(name)} is an image of a kind that is not read; convert the images to PNG")
    return ending in ENDINGS


@dataclass(frozen=True)
class _Kind:
    """What is known before Pillow sees a file: ``colours`` of its palette (None where all have a colour)."""

    colours: int | None = None
    png: Png | None = None


def _kind(raw: bytes) -> _Kind:
    """By a file's own bytes. Raises Refused."""
    if raw.startswith(b"\xff\xd8"):
        raise Refused(LOSSY)
    if raw.startswith(image_png.SIGNATURE):
        png = image_png.parse(raw)
        return _Kind(png.colours, png)
    if raw.startswith(b"BM"):
        return _Kind(image_bmp.check(raw))
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        image_webp.check(raw)
    elif raw[:4] in image_tiff.SIGNATURES:
        image_tiff.check(raw)
    elif re.match(rb"P[0-9fy]", raw):
        image_pnm.check(raw)
    return _Kind()


def _decoded(raw: bytes, size: tuple[int, int] | None) -> Image.Image:
    """The image as Pillow's mode L or RGB. Raises Refused."""
    kind = _kind(raw)
    image = Image.open(io.BytesIO(raw if kind.png is None else kind.png.plain), formats=_FORMATS)
    if image.format == "TIFF" and image.getexif().get(_ORIENTATION, 1) != 1:
        raise Refused(TURNED)  # Pillow turns by what its metadata say, too
    if image.mode not in _GREY + _COLOUR:
        raise Refused(NEITHER)
    width, height = image.size
    if size is not None and image.size != size:
        raise Refused(
            f"has {width} x {height} pixels, the images before it {size[0]} x {size[1]}; make all the same size"
        )
    if width * height * 3 > MAX_IMAGE_BYTES:
        raise Refused(f"has {width} x {height} pixels, more than are allowed; make the images smaller")
    check_reading(
        _COPIES * len(raw) + _BYTES_OF_A_PIXEL * width * height, f"an image of {width} x {height} pixels"
    )
    if kind.png is not None:
        image_png.check_rows(kind.png)
    image.load()
    if kind.colours is not None and int(np.asarray(image).max()) >= kind.colours:
        raise Refused(f"has colours beyond its palette of {kind.colours}; save the images again")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise Refused("is transparent in places; save the images without transparency")
    return image.convert("L" if image.mode in _GREY else "RGB")


def pixels(path: str, name: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """Pixels of an image file, uint8 (h, w) or (h, w, 3); ``name`` is what errors call it.

    ``size``: the width and height it must have, known before anything is decoded. Raises BadData.
    """
    name = quoted(name)
    if not os.path.isfile(path):
        raise BadData(f"{name} is no regular file; remove it")
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size > MAX_IMAGE_BYTES:
                raise BadData(f"{name} has more than {MAX_IMAGE_BYTES} bytes; make the images smaller")
            check_reading(_COPIES * os.fstat(stream.fileno()).st_size, name)
            raw = stream.read()
    except OSError as error:
        raise BadData(f"cannot open {name}: {error.strerror or error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, which are not looked at
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return np.asarray(_decoded(raw, size))
    except Refused as why:
        raise BadData(f"{name} {why}") from why
    except (MemoryError, LimitExceeded):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadData(f"{name} has more pixels than are allowed; make the images smaller") from error
    except UnidentifiedImageError as error:
        raise BadData(f"{name} is no image that can be read; give PNG, BMP, PNM, TIFF or WebP") from error
    except Exception as error:  # Pillow does not say what its readers raise at damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadData(f"cannot read {name}: {quoted(reason)}; is the file complete?") from error
