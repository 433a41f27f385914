"""mdlcodec/data/image_pnm.py and image_webp.py: one image, whole, and nothing after it."""

import io
import struct

import numpy as np
import pytest
from bad_data import failure
from image_files import decoded
from PIL import Image, ImageFile

from mdlcodec.errors import BadData

READ = {
    "P1": (b"P1 3 1\n1 0\n1\n", [[0, 255, 0]]),
    "P1 without spaces": (b"P1 3 1\n101", [[0, 255, 0]]),
    "P2": (b"P2\n# a comment\n3 1\n255\n1 2\n255\n", [[1, 2, 255]]),
    "P3": (b"P3 1 1 255\n1 2 3\n", [[[1, 2, 3]]]),
    "P4": (b"P4\n3 1\n\xa0", [[0, 255, 0]]),
    "P5": (b"P5 3 1 255\n\1# ", [[1, 35, 32]]),
    "P5 and a line end": (b"P5 3 1 255\n\1\2\3\n", [[1, 2, 3]]),
    "P6": (b"P6\n1 1\n255\n\1\2\3", [[[1, 2, 3]]]),
}


@pytest.mark.parametrize(("raw", "expected"), READ.values(), ids=READ)
def test_one_image(tmp_path, raw, expected):
    np.testing.assert_array_equal(decoded(tmp_path, raw), expected)


def webp():
    out = io.BytesIO()
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(out, "WEBP", lossless=True)
    return out.getvalue()


@pytest.mark.parametrize(
    "raw", [READ[kind][0] for kind in ("P1 without spaces", "P2", "P3", "P4", "P5", "P6")] + [webp()]
)
def test_every_truncation_is_refused_whatever_pillow_is_told(tmp_path, monkeypatch, raw):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    decoded(tmp_path, raw)
    for length in range(len(raw)):
        with pytest.raises(BadData):
            decoded(tmp_path, raw[:length])


REFUSED = {
    "two of P5": (READ["P5"][0] * 2, "several images"),
    "two of P4": (READ["P4"][0] * 2, "several images"),
    "two of P1": (READ["P1"][0] + b"0", "several images"),
    "two of P2": (READ["P2"][0] + b"7\n", "several images"),
    "P1 too short": (b"P1 3 1\n10", "values are missing"),
    "P5 too short": (b"P5 3 1 255\n\1\2", "rows are missing"),
    "a last number that may be cut": (b"P2 1 1 255\n25", "may be cut short"),
    "a sign": (b"P2 1 1 255\n+1", "no number"),
    "an underscore": (b"P2 1 1 255\n1_0", "no number"),
    "a comment among values": (b"P2 1 1 255\n#\n1", "no number"),
    "a comment at a number": (b"P5 1#\n 1 255\n1", "no header"),
    "a comment at the last number": (b"P5 1 1 255#\n1", "no header"),
    "a carriage return before the rows": (b"P5 1 1 255\r\n1", "no header"),
    "a long header": (b"P5" + b" " * 2**23 + b"1 1 255\n1", "no header"),
    "largest value of 1": (b"P5 1 1 1\n\1", "8 bits"),
    "a value above": (b"P2 1 1 255\n256\n", "256"),
    "floats": (b"Pf 1 1 -1.0\n" + bytes(4), "8 bits"),
    "webp and more": (webp() + b"xx", "shorter or longer"),
    "two webp": (webp() * 2, ""),
    "two images in webp": (
        b"RIFF" + struct.pack("<I", 2 * len(webp()) - 20) + webp()[8:] + webp()[12:],
        "several images",
    ),
    "webp of nothing": (b"RIFF\4\0\0\0WEBP", "no image"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path, raw, message):
    assert message in failure(decoded, tmp_path, raw)
