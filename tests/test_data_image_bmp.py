"""mdlcodec/data/image_bmp.py: files that are whole, and whose pixels every decoder reads alike."""

import struct

import numpy as np
import pytest
from bad_data import failure
from image_files import bmp, decoded
from PIL import ImageFile

from mdlcodec.errors import BadData

TWO = bytes([1, 2, 3, 0, 4, 5, 6, 0])  # blue, green, red, nothing
GREYS = b"".join(bytes([i, i, i, 0]) for i in range(256))


def of_32_bits(*pixels, **options):
    return bmp(len(pixels), 1, struct.pack(f"<{len(pixels)}I", *pixels), depth=32, **options)


def test_palettes(tmp_path):
    for depth, row in ((1, b"\x40"), (4, b"\x01\x00"), (8, b"\0\1\0\0")):
        raw = bmp(3, 1, row.ljust(4, b"\0"), depth=depth, palette=TWO, colours=2)
        expected = np.array([[[3, 2, 1], [6, 5, 4], [3, 2, 1]]])
        if depth == 4:
            expected = expected[:, [0, 1, 0]]
        np.testing.assert_array_equal(decoded(tmp_path, raw), expected)
    greys = bmp(4, -1, bytes([0, 9, 255, 7]), depth=8, palette=GREYS)
    np.testing.assert_array_equal(decoded(tmp_path, greys), [[0, 9, 255, 7]])


def test_32_bits(tmp_path):
    for unused in (0, 0xFF000000):
        raw = of_32_bits(0x010203 | unused, 0xFF | unused)
        np.testing.assert_array_equal(decoded(tmp_path, raw), [[[1, 2, 3], [0, 0, 255]]])
    masks = struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)
    raw = of_32_bits(0x01020300, palette=masks, compression=3)
    np.testing.assert_array_equal(decoded(tmp_path, raw), [[[1, 2, 3]]])


@pytest.mark.parametrize(
    "raw",
    [
        bmp(4, 2, bytes(8), depth=8, palette=TWO, colours=2),
        of_32_bits(1, 2, 3),
        bmp(2, 2, bytes(range(16)), depth=24),
    ],
    ids=["palette", "32 bits", "24 bits"],
)
def test_every_truncation_is_refused_whatever_pillow_is_told(tmp_path, monkeypatch, raw):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    decoded(tmp_path, raw)
    for length in range(len(raw)):
        with pytest.raises(BadData):
            decoded(tmp_path, raw[:length])


REFUSED = {
    "index beyond the palette": (
        bmp(4, 1, b"\0\1\2\1", depth=8, palette=TWO, colours=2),
        "beyond its palette of 2",
    ),
    "index of 4 bits beyond": (
        bmp(2, 1, b"\x12\0\0\0", depth=4, palette=TWO, colours=2),
        "beyond its palette",
    ),
    "palette cut by the rows": (bmp(4, 1, b"\0\1\2\1", depth=8, palette=TWO), "beyond its palette of 2"),
    "no palette": (bmp(4, 1, bytes(4), depth=8, palette=b"", offset=54), "has no palette"),
    "black alone": (
        bmp(8, 1, b"\xff\0\0\0", depth=1, palette=bytes(4), colours=1),
        "beyond its palette of 1",
    ),
    "greys beyond": (
        bmp(4, 1, b"\0\1\2\3", depth=8, palette=GREYS[:12], colours=3),
        "beyond its palette of 3",
    ),
    "two greys of 8 bits": (
        bmp(4, 1, b"\0\1\0\1", depth=8, palette=GREYS[:4] + GREYS[-4:], colours=2),
        "palette of 2 greys for 8 bits",
    ),
    "16 greys of 4 bits": (
        bmp(2, 1, bytes(4), depth=4, palette=GREYS[:64]),
        "palette of 16 greys for 4 bits",
    ),
    "more colours than indices": (bmp(8, 1, bytes(4), depth=1, palette=GREYS, colours=256), "palette"),
    "16 bits": (bmp(2, 1, bytes(4), depth=16), "8 bits"),
    "run lengths": (bmp(4, 1, b"\4\1\0\1", depth=8, palette=GREYS, compression=1), "compressed BMP"),
    "a varying fourth byte": (of_32_bits(0xFF000001, 0x7F000001), "transparent"),
    "a fourth byte": (of_32_bits(0x7F000001), "transparent"),
    "no masks": (of_32_bits(1, palette=bytes(12), compression=3), "without bits"),
    "rows in the header": (bmp(1, 1, bytes(4), depth=24, offset=14), "header"),
    "unknown header": (b"BM" + bytes(8) + struct.pack("<II", 54, 41) + bytes(60), "header"),
    "no rows": (bmp(1, 0, b"", depth=24), "header"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path, raw, message):
    assert message in failure(decoded, tmp_path, raw)
