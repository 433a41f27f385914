"""mdlcodec/data/image_file.py: the pixels of one image file, or one line that says why not."""

import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from bad_data import failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import decoded, png
from PIL import Image

from mdlcodec.data.image_file import ENDINGS
from mdlcodec.errors import BadData

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (5, 4, 3)).astype(np.uint8)
GREY = COLOUR[..., 0].copy()


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def colour(**options):
    return saved(Image.fromarray(COLOUR), **options)


def grey(**options):
    return saved(Image.fromarray(GREY), **options)


def with_alpha(alpha, **options):
    image = Image.fromarray(np.dstack([COLOUR, np.full((5, 4, 1), 255, np.uint8)]))
    image.putpixel((1, 1), (*map(int, COLOUR[1, 1]), alpha))
    return saved(image, **options)


IN_COLOUR = {
    "png": colour(format="PNG"),
    "bmp": colour(format="BMP"),
    "ppm": colour(format="PPM"),
    "plain ppm": b"P3\n4 5\n255\n" + " ".join(map(str, COLOUR.ravel())).encode() + b"\n",
    "webp": colour(format="WEBP", lossless=True),
    "extended webp": colour(format="WEBP", lossless=True, icc_profile=b"x" * 99),
    "opaque png": with_alpha(255, format="PNG"),
    "opaque webp": with_alpha(255, format="WEBP", lossless=True),
    "opaque bmp": with_alpha(255, format="BMP"),
    "tiff": colour(format="TIFF"),
    "opaque tiff": with_alpha(255, format="TIFF"),
}


@pytest.mark.parametrize("raw", IN_COLOUR.values(), ids=IN_COLOUR)
def test_colour(tmp_path, raw):
    np.testing.assert_array_equal(decoded(tmp_path, raw, size=(4, 5)), COLOUR, strict=True)


BLACK_WHITE = Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE)
IN_GREY = {
    "png": (grey(format="PNG"), GREY),
    "bmp": (grey(format="BMP"), GREY),
    "pgm": (grey(format="PPM"), GREY),
    "pgm with a comment": (b"P5 # x 7 7 7\n4 5 255\n" + GREY.tobytes(), GREY),
    "tiff": (grey(format="TIFF"), GREY),
    "opaque png": (saved(Image.fromarray(GREY).convert("LA"), format="PNG"), GREY),
    "pbm": (saved(BLACK_WHITE, format="PPM"), np.where(GREY < 128, 0, 255).astype(np.uint8)),
    "1-bit png": (saved(BLACK_WHITE, format="PNG"), np.where(GREY < 128, 0, 255).astype(np.uint8)),
}


@pytest.mark.parametrize(("raw", "expected"), IN_GREY.values(), ids=IN_GREY)
def test_grey(tmp_path, raw, expected):
    np.testing.assert_array_equal(decoded(tmp_path, raw), expected, strict=True)


def test_a_palette_is_the_colours_it_names(tmp_path):
    image = Image.fromarray(GREY // 64)
    palette = RNG.integers(0, 256, (4, 3)).astype(np.uint8)
    image.putpalette(palette.tobytes())
    for options in (
        {"format": "PNG"},
        {"format": "BMP"},
        {"format": "PNG", "transparency": bytes([255] * 4)},
    ):
        np.testing.assert_array_equal(decoded(tmp_path, saved(image, **options)), palette[GREY // 64])
    assert "transparent" in failure(
        decoded, tmp_path, saved(image, format="PNG", transparency=int(GREY[0, 0] // 64))
    )


def test_small_depths_of_grey_go_from_0_to_255(tmp_path):
    for depth, body in ((2, b"\0\x1b"), (4, b"\0\x05\xaf")):
        found = decoded(tmp_path, png(4, 1, body, depth=depth))
        np.testing.assert_array_equal(found, [[0, 85, 170, 255]])


OTHER = Image.fromarray(COLOUR[::-1].copy())
DEEP = Image.fromarray(np.arange(20, dtype=np.uint16).reshape(5, 4) * 999)
REFUSED = {
    "jpeg": (colour(format="JPEG"), "is lossy"),
    "webp": (colour(format="WEBP", quality=90), "is lossy"),
    "lossless at quality 100": (colour(format="WEBP", quality=100), "is lossy"),
    "extended webp": (colour(format="WEBP", icc_profile=b"x" * 99), "is lossy"),
    "jpeg in tiff": (colour(format="TIFF", compression="jpeg"), "compressed TIFF"),
    "lzw in tiff": (colour(format="TIFF", compression="tiff_lzw"), "compressed TIFF"),
    "transparent png": (with_alpha(254, format="PNG"), "transparent"),
    "transparent webp": (with_alpha(0, format="WEBP", lossless=True, exact=True), "transparent"),
    "transparent tiff": (with_alpha(1, format="TIFF"), "transparent"),
    "transparent grey": (grey(format="PNG", transparency=int(GREY[0, 0])), "transparent"),
    "animated png": (colour(format="PNG", save_all=True, append_images=[OTHER]), "several images"),
    "animated webp": (
        colour(format="WEBP", lossless=True, save_all=True, append_images=[OTHER]),
        "several images",
    ),
    "animated webp of one image": (
        b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\x02"
        + bytes(9)
        + b"ANMF\x18\0\0\0"
        + bytes(16)
        + b"VP8 "
        + bytes(4),
        "several images",
    ),
    "unknown tiff": (
        colour(format="TIFF").replace(b"\x15\x01\3\0\1\0\0\0\3", b"\x15\x01\3\0\1\0\0\0\x99"),
        "its samples have no depth, or several",
    ),
    "pages of tiff": (colour(format="TIFF", save_all=True, append_images=[OTHER]), "several images"),
    "turned tiff": (colour(format="TIFF", tiffinfo={274: 6}), "Orientation"),
    "16-bit png": (saved(DEEP, format="PNG"), "8 bits"),
    "16-bit colour png": (png(2, 1, bytes(13), depth=16, kind=2), "8 bits"),
    "16-bit tiff": (saved(DEEP, format="TIFF"), "8 bits"),
    "float tiff": (saved(Image.fromarray(GREY.astype(np.float32)), format="TIFF"), "8 bits"),
    "16-bit pgm": (b"P5\n1 1 65535\n\1\2", "8 bits"),
    "pgm up to 15": (b"P5\n2 1 15\n\1\2", "8 bits"),
    "16-bit bmp": (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 58, 0, 54, 40, 1, 1, 1, 16, 0, 4, 0, 0, 0, 0) + bytes(4),
        "8 bits",
    ),
    "cmyk": (saved(Image.fromarray(COLOUR).convert("CMYK"), format="TIFF"), "neither grey nor RGB"),
    "gif": (colour(format="GIF"), "is no image that can be read"),
    "nothing": (b"", "is no image that can be read"),
    "text": (b"P" * 100, "is no image that can be read"),
    "damaged pgm": (b"P5\n2 -1 255\n\1\2", "8 bits"),
    "bomb": (png(10_000, 10_000, b""), "more pixels than are allowed"),
    "huge": (png(2**31 - 1, 2**31 - 1, b""), "more pixels than are allowed"),
    "tall": (png(1, 2**27, b""), "more pixels than are allowed"),
    "empty png": (png(4, 5, b""), "is the file complete?"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_images_that_are_refused(tmp_path, capfd, raw, message):
    line = failure(decoded, tmp_path, raw)
    assert capfd.readouterr() == ("", "")
    assert message in line
    assert r"'na\nme'" in line


def test_the_size_is_compared_before_anything_is_decoded(tmp_path, monkeypatch):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert "has 4 x 5 pixels" in failure(decoded, tmp_path, IN_COLOUR["png"], size=(5, 4))
    monkeypatch.setattr("mdlcodec.data.image_file.MAX_IMAGE_BYTES", 59)
    assert "more than are allowed" in failure(decoded, tmp_path, b"P5 4 5 255 " + GREY.tobytes())


@pytest.mark.parametrize("raw", IN_COLOUR.values(), ids=IN_COLOUR)
def test_every_truncation_is_one_line(tmp_path, raw):
    for length in range(0, len(raw), 1 + len(raw) // 100):
        try:
            found = decoded(tmp_path, raw[:length])
        except BadData as error:
            assert "\n" not in str(error)
        else:  # what is missing carried no pixels
            np.testing.assert_array_equal(found, COLOUR)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([*IN_COLOUR.values(), *[raw for raw, _ in IN_GREY.values()]]),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damage_is_one_line_or_an_image(capfd, raw, changes):
    changed = bytearray(raw)
    for place, byte in changes:
        changed[place % len(raw)] = byte
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = decoded(Path(folder), bytes(changed), size=(4, 5))
        except BadData as error:
            assert "\n" not in str(error)
            assert str(error).isprintable()
        else:
            assert found.dtype == np.uint8
            assert found.shape in ((5, 4), (5, 4, 3))
    assert capfd.readouterr() == ("", "")


def test_all_endings_are_known_to_pillow():
    assert set(ENDINGS) <= Image.registered_extensions().keys()
