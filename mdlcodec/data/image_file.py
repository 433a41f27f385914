"""One image file as pixels, or a line saying why not (formats/data.md, Folders of images)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import warnings

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from mdlcodec.data.dataset import quoted
from mdlcodec.errors import BadData

ENDINGS = (".png", ".bmp", ".pbm", ".pgm", ".ppm", ".pnm", ".tif", ".tiff", ".webp")
"""How names of images end, in any case."""

LOSSY_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".avif", ".heic", ".heif", ".jxl")
OTHER_ENDINGS = (".gif", ".tga", ".ico", ".qoi", ".psd", ".svg", ".exr", ".hdr")
MAX_IMAGE_BYTES = 2**28
"""Most bytes of one file, and of its pixels."""

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Pillow's words go to the terminal

_FORMATS = ("PNG", "BMP", "PPM", "TIFF", "WEBP")
_GREY, _COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA")  # Pillow's modes
_PNM_OF_8_BITS = re.compile(rb"P[2356]\s+[0-9]+\s+[0-9]+\s+255\s")
_COMMENT = re.compile(rb"#[^\r\n]*")
_LOSSY = "is lossy, and other decoders may give other pixels; convert the images to PNG once and keep those"
_SEVERAL = "holds several images; save each in a file of its own"
_DEEP = "does not hold values of 8 bits, 0 to 255; convert the images to 8 bits"


def is_image(name: str) -> bool:
    """Whether a file of this name is read as an image. Raises BadData for images that cannot be."""
    ending = os.path.splitext(name)[1].lower()
    if ending in LOSSY_ENDINGS:
        raise BadData(f"{quoted(name)} {_LOSSY}")
    if ending in OTHER_ENDINGS:
        raise BadData(f"{quoted(name)} is an image of a kind that is not read; convert the images to PNG")
    return ending in ENDINGS


def _webp_chunk(raw: bytes) -> bytes:
    """Name of the first chunk of a WebP file that holds an image."""
    at = 12
    while at + 8 <= len(raw):
        name, size = raw[at : at + 4], int.from_bytes(raw[at + 4 : at + 8], "little")
        if name in (b"VP8 ", b"VP8L", b"ANMF"):
            return name
        at += 8 + size + size % 2
    return b""


def _objection(raw: bytes) -> str:
    """Why a file of these bytes is refused before Pillow sees it, '' if it is not."""
    if raw.startswith(b"\xff\xd8"):
        return _LOSSY
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return {b"VP8 ": _LOSSY, b"ANMF": _SEVERAL}.get(_webp_chunk(raw), "")
    if raw.startswith(b"\x89PNG") and raw[24:25] == b"\x10":
        return _DEEP
    if raw.startswith(b"BM") and raw[28 if raw[14:15] != b"\x0c" else 24 :][:2] == b"\x10\0":
        return _DEEP
    if re.match(rb"P[2356y]", raw) and not _PNM_OF_8_BITS.match(_COMMENT.sub(b"", raw[:4096])):
        return _DEEP
    return ""


def _tiff_objection(image: TiffImagePlugin.TiffImageFile) -> str:
    if image.info.get("compression") != "raw":  # libtiff prints what it finds wrong to the terminal
        return "is a compressed TIFF; convert the images to PNG, or to TIFF without compression"
    if max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8:
        return _DEEP
    if image.tag_v2.get(274, 1) != 1:
        return "is stored turned (TIFF's Orientation); save the images upright"
    return ""


def _has_several(image: Image.Image) -> bool:
    with contextlib.suppress(EOFError):
        image.seek(1)
        return True
    return False


def _decoded(raw: bytes, name: str, size: tuple[int, int] | None) -> Image.Image:
    """The image as Pillow's mode L or RGB."""
    image = Image.open(io.BytesIO(raw), formats=_FORMATS)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and (why := _tiff_objection(image)):
        raise BadData(f"{name} {why}")
    if image.mode not in _GREY + _COLOUR:
        raise BadData(f"{name} is neither grey nor RGB of 8 bits ({quoted(image.mode)}); convert it to PNG")
    width, height = image.size
    if size is not None and image.size != size:
        raise BadData(
            f"{name} has {width} x {height} pixels, the images before it {size[0]} x {size[1]}; "
            "make all the same size"
        )
    if width * height * 3 > MAX_IMAGE_BYTES:
        raise BadData(f"{name} has {width} x {height} pixels, more than are allowed; make the images smaller")
    if _has_several(image):
        raise BadData(f"{name} {_SEVERAL}")
    image.load()
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise BadData(f"{name} is transparent in places; save the images without transparency")
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
            raw = stream.read()
    except OSError as error:
        raise BadData(f"cannot open {name}: {error.strerror or error}") from error
    if why := _objection(raw):
        raise BadData(f"{name} {why}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, which are not looked at
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return np.asarray(_decoded(raw, name, size))
    except (BadData, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadData(f"{name} has more pixels than are allowed; make the images smaller") from error
    except UnidentifiedImageError as error:
        raise BadData(f"{name} is no image that can be read; give PNG, BMP, PNM, TIFF or WebP") from error
    except Exception as error:  # Pillow does not say what its readers raise at damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadData(f"cannot read {name}: {quoted(reason)}; is the file complete?") from error
