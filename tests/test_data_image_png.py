"""mdlcodec/data/image_png.py: what is damaged, or read in other ways elsewhere, is refused."""

import io
import zlib

import numpy as np
import pytest
from bad_data import failure
from image_files import chunk, decoded, png
from PIL import Image, ImageFile

from mdlcodec.data.image_file import pixels
from mdlcodec.errors import BadData

GREY = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
ROWS = b"".join(b"\0" + row.tobytes() for row in GREY)
TWO_COLOURS = chunk(b"PLTE", bytes(range(1, 7)))
PACKED = zlib.compress(ROWS)


def test_every_flipped_bit_of_a_file_is_noticed(tmp_path):
    good = png(8, 8, ROWS)
    for at in range(len(good)):
        for bit in range(8):
            raw = bytearray(good)
            raw[at] ^= 1 << bit
            with pytest.raises(BadData):
                decoded(tmp_path, bytes(raw))


def test_every_flipped_bit_of_the_rows_is_noticed_when_the_checksum_of_the_chunk_hides_it(tmp_path):
    for at in range(len(PACKED)):
        for bit in range(8):
            stream = bytearray(PACKED)
            stream[at] ^= 1 << bit
            try:
                image = decoded(tmp_path, png(8, 8, b"", stream=bytes(stream)))
            except BadData:
                continue
            np.testing.assert_array_equal(image, GREY)


def test_every_truncation_is_refused_whatever_pillow_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    raw = png(8, 8, ROWS)
    np.testing.assert_array_equal(decoded(tmp_path, raw), GREY)
    for length in range(len(raw)):
        with pytest.raises(BadData):
            decoded(tmp_path, raw[:length])
    assert "filtered" in failure(decoded, tmp_path, png(8, 8, b"\5" + ROWS[1:]))


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, format="PNG", **options)
    return out.getvalue()


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 9])
@pytest.mark.parametrize("height", [1, 4, 5, 9])
def test_interlaced_rows_are_counted_as_adam7_orders_them(tmp_path, width, height):
    """The passes written down a second time: which of each 8 x 8 pixels come in which pass."""
    order = [
        "16462646",
        "77777777",
        "56565656",
        "77777777",
        "36463646",
        "77777777",
        "56565656",
        "77777777",
    ]
    image = np.arange(width * height, dtype=np.uint8).reshape(height, width)
    rows = b""
    for which in "1234567":
        for y in range(height):
            if row := bytes(image[y, x] for x in range(width) if order[y % 8][x % 8] == which):
                rows += b"\0" + row
    np.testing.assert_array_equal(decoded(tmp_path, png(width, height, rows, interlaced=1)), image)
    for wrong in (rows + b"\0", rows[:-1]):
        assert "is damaged" in failure(decoded, tmp_path, png(width, height, wrong, interlaced=1))


def test_what_does_not_touch_the_pixels_is_passed_over(tmp_path):
    image = decoded(
        tmp_path,
        png(8, 8, ROWS, before=[chunk(b"gAMA", bytes([0, 0, 9, 9]))], after=[chunk(b"tEXt", b"Title\0x")]),
    )
    np.testing.assert_array_equal(image, GREY)
    suggested = png(1, 1, b"\0\xff\0\x09", kind=2, before=[TWO_COLOURS])
    np.testing.assert_array_equal(decoded(tmp_path, suggested), [[[255, 0, 9]]])
    pieces = [chunk(b"IDAT", PACKED[10:20]), chunk(b"IDAT", b""), chunk(b"IDAT", PACKED[20:])]
    np.testing.assert_array_equal(decoded(tmp_path, png(8, 8, b"", stream=PACKED[:10], after=pieces)), GREY)


def test_a_key_that_no_pixel_has_leaves_an_image_opaque(tmp_path):
    absent = next(value for value in range(256) if value not in GREY)
    image = decoded(tmp_path, png(8, 8, ROWS, before=[chunk(b"tRNS", bytes([0, absent]))]))
    np.testing.assert_array_equal(image, GREY)


ANIMATION = chunk(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0]))
FRAME = chunk(b"fcTL", bytes(7) + b"\x08" + bytes(3) + b"\x08" + bytes(14))
REFUSED = {
    "too few rows": (png(8, 8, ROWS[:-9]), "rows are missing"),
    "half a row": (png(8, 8, ROWS[:-4]), "rows are missing"),
    "too many rows": (png(8, 8, ROWS + b"\0"), "more rows"),
    "far too many rows": (png(8, 8, ROWS + bytes(2**22)), "more rows"),
    "after the rows": (png(8, 8, b"", stream=PACKED + b"x"), "something follows"),
    "far after the rows": (png(8, 8, b"", stream=PACKED + bytes(2**17)), "something follows"),
    "no checksum of rows": (png(8, 8, b"", stream=PACKED[:-4]), "rows are missing"),
    "wrong checksum of rows": (png(8, 8, b"", stream=PACKED[:-1] + b"x"), "incorrect data check"),
    "wrong checksum of a chunk": (
        png(8, 8, ROWS, before=[chunk(b"gAMA", bytes(4), 0)]),
        "checksum of a chunk gAMA",
    ),
    "wrong checksum after rows": (
        png(8, 8, ROWS, after=[chunk(b"tEXt", b"a\0b", 0)]),
        "checksum of a chunk tEXt",
    ),
    "unknown filter": (png(8, 8, b"\5" + ROWS[1:]), "filtered"),
    "two rows apart": (
        png(8, 8, b"", stream=PACKED[:9], after=[chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", PACKED[9:])]),
        "not in one place",
    ),
    "something after the end": (png(8, 8, ROWS, end=b"x"), "is damaged"),
    "an image after the end": (png(8, 8, ROWS, end=chunk(b"IDAT", PACKED)), "goes on after"),
    "another file after the end": (png(8, 8, ROWS, end=png(8, 8, ROWS)), "is damaged"),
    "two headers": (png(8, 8, ROWS, before=[png(1, 1, b"")[8:33]]), "two chunks IHDR"),
    "no header": (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "begin with a header"),
    "unknown critical chunk": (png(8, 8, ROWS, before=[chunk(b"CgBI", bytes(4))]), "CgBI"),
    "index beyond the palette": (
        png(4, 1, b"\0\0\1\2\1", kind=3, before=[TWO_COLOURS]),
        "beyond its palette of 2",
    ),
    "index of 2 bits beyond": (
        png(4, 1, b"\0\x1b", kind=3, depth=2, before=[TWO_COLOURS]),
        "beyond its palette",
    ),
    "palette of 257": (png(1, 1, b"\0\0", kind=3, before=[chunk(b"PLTE", bytes(3 * 257))]), "palette"),
    "palette of thirds": (png(1, 1, b"\0\0", kind=3, before=[chunk(b"PLTE", bytes(4))]), "palette"),
    "no palette": (png(1, 1, b"\0\0", kind=3), "no palette"),
    "palette after the rows": (png(1, 1, b"\0\0", kind=3, after=[TWO_COLOURS]), "too late"),
    "two palettes": (png(1, 1, b"\0\0", kind=3, before=[TWO_COLOURS] * 2), "two chunks PLTE"),
    "palette of grey": (png(8, 8, ROWS, before=[TWO_COLOURS]), "palette"),
    "key at 1 bit": (png(8, 1, b"\0\0", depth=1, before=[chunk(b"tRNS", b"\0\1")]), "less than 8 bits"),
    "key at 2 bits": (png(4, 1, b"\0\x1b", depth=2, before=[chunk(b"tRNS", b"\0\1")]), "less than 8 bits"),
    "key at 4 bits": (png(2, 1, b"\0\x05", depth=4, before=[chunk(b"tRNS", b"\0\5")]), "less than 8 bits"),
    "key of 16 bits": (png(8, 8, ROWS, before=[chunk(b"tRNS", b"\1\0")]), "no colour of 8 bits"),
    "key of a pixel": (
        png(8, 8, ROWS, before=[chunk(b"tRNS", bytes([0, GREY[3, 3]]))]),
        "transparent in places",
    ),
    "key after the rows": (png(8, 8, ROWS, after=[chunk(b"tRNS", b"\0\1")]), "too late"),
    "key before the palette": (
        png(1, 1, b"\0\0", kind=3, before=[chunk(b"tRNS", b"\0"), TWO_COLOURS]),
        "does not fit",
    ),
    "alpha beyond the palette": (
        png(1, 1, b"\0\0", kind=3, before=[TWO_COLOURS, chunk(b"tRNS", b"\xff\xff\xff")]),
        "does not fit",
    ),
    "alpha twice": (png(1, 1, b"\0\0\xff", kind=4, before=[chunk(b"tRNS", b"\0\1")]), "does not fit"),
    "animation of one frame": (png(8, 8, ROWS, before=[ANIMATION, FRAME]), "several images"),
    "stray frame": (png(8, 8, ROWS, before=[FRAME]), "several images"),
    "16 bits": (png(1, 1, bytes(3), depth=16), "8 bits"),
    "3 bits": (png(8, 8, ROWS, depth=3), "header"),
    "unknown interlacing": (png(8, 8, ROWS, interlaced=2), "header"),
    "animated": (
        saved(Image.fromarray(GREY), save_all=True, append_images=[Image.fromarray(GREY.T.copy())]),
        "several images",
    ),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path, raw, message):
    line = failure(decoded, tmp_path, raw)
    assert message in line
    assert line.startswith(r"'na\nme' ")


def test_the_file_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(png(8, 8, ROWS[:-9]))
    assert failure(pixels, str(tmp_path / "x.png"), "a/x.png").startswith("'a/x.png' is damaged (")
