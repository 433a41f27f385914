"""mdlcodec/data/image_tiff.py: pages that every decoder reads alike, and the others."""

import struct

import numpy as np
import pytest
from bad_data import failure
from image_files import decoded, tiff
from PIL import ImageFile

from mdlcodec.errors import BadData

GREYS = bytes([0, 127, 128, 255])
FULL = [257 * (i // 3) for i in range(768)]
COLOURS = tiff(b"\0\1\2\xff", {262: [3], 320: FULL})
RGB = tiff(bytes(range(12)), {258: [8] * 3, 262: [2], 277: [3]})
FORMATS_OF_SAMPLES = {"signed": 2, "float": 3, "undefined": 4}


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey(tmp_path, order):
    for tags in ({}, {339: [1]}, {278: None}, {317: [1]}):
        np.testing.assert_array_equal(decoded(tmp_path, tiff(GREYS, tags, order=order)), [list(GREYS)])
    inverted = decoded(tmp_path, tiff(GREYS, {262: [0]}, order=order))
    np.testing.assert_array_equal(inverted, [[255, 128, 127, 0]])
    strips = tiff(GREYS, {256: [2], 257: [2], 273: [10, 8], 279: [2, 2]}, order=order)
    np.testing.assert_array_equal(decoded(tmp_path, strips), [[128, 255], [0, 127]])


def test_colours(tmp_path):
    red, green, blue = (np.array(FULL[256 * i : 256 * (i + 1)]) // 257 for i in range(3))
    expected = np.stack([red, green, blue], axis=1)[[0, 1, 2, 255]]
    np.testing.assert_array_equal(decoded(tmp_path, COLOURS), expected[np.newaxis])
    np.testing.assert_array_equal(decoded(tmp_path, RGB), np.arange(12).reshape(1, 4, 3))
    apart = tiff(
        bytes(range(12)), {258: [8] * 3, 262: [2], 277: [3], 284: [2], 273: [8, 12, 16], 279: [4] * 3}
    )
    np.testing.assert_array_equal(decoded(tmp_path, apart), np.arange(12).reshape(3, 4).T[np.newaxis])


@pytest.mark.parametrize("raw", [tiff(GREYS, {}), COLOURS, RGB], ids=["grey", "palette", "rgb"])
def test_every_truncation_is_refused_whatever_pillow_is_told(tmp_path, monkeypatch, raw):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    decoded(tmp_path, raw)
    for length in range(0, len(raw), 1 + len(raw) // 200):
        with pytest.raises(BadData):
            decoded(tmp_path, raw[:length])


REFUSED = {
    **{name: (tiff(GREYS, {339: [number]}), "") for name, number in FORMATS_OF_SAMPLES.items()},
    "signed of 3 samples": (tiff(bytes(12), {258: [8] * 3, 262: [2], 277: [3], 339: [2] * 3}), ""),
    "signed of 16 bits": (tiff(bytes(8), {258: [16], 339: [2]}), "8 bits"),
    "map of 8 bits": (tiff(GREYS, {262: [3], 320: list(range(256)) * 3}), "not every decoder reads alike"),
    "map of 1 bit, 8 wide": (
        tiff(b"\0", {256: [8], 258: [1], 262: [3], 320: [0, 255] * 3}),
        "not every decoder reads alike",
    ),
    "map times 256": (tiff(GREYS, {262: [3], 320: [256 * i for i in range(256)] * 3}), "not every decoder"),
    "short map": (tiff(GREYS, {262: [3], 320: FULL[:-3]}), "does not fit"),
    "map of 16 colours": (tiff(GREYS, {262: [3], 320: [4112 * i for i in range(16)] * 3}), "does not fit"),
    "another page": (tiff(GREYS, {}, following=12), "several images"),
    "a page that is not there": (tiff(GREYS, {}, following=2**31), ""),
    "pages within": (tiff(GREYS, {330: [12]}), "several images"),
    "no meaning of values": (tiff(GREYS, {262: None}), "262"),
    "chroma alone": (tiff(GREYS, {262: [6]}), "neither grey nor RGB"),
    "turned": (tiff(GREYS, {274: [2]}), "turned"),
    "bits turned": (tiff(GREYS, {266: [2]}), "kind that is not read"),
    "differences": (tiff(GREYS, {317: [2]}), "kind that is not read"),
    "samples without a meaning": (
        tiff(GREYS * 2, {258: [8, 8], 277: [2], 338: [0]}),
        "kind that is not read",
    ),
    "tiles": (tiff(GREYS, {273: None, 279: None, 322: [16], 323: [16], 324: [8], 325: [4]}), "tiles"),
    "short strip": (tiff(GREYS, {279: [3]}), "rows are missing"),
    "no lengths of strips": (tiff(GREYS, {279: None}), "strips"),
    "strip beyond the end": (tiff(GREYS, {273: [2**20]}), "rows are missing"),
    "too few strips": (tiff(GREYS, {256: [2], 257: [2]}), "strips"),
    "depths of one": (tiff(bytes(12), {262: [2], 277: [3]}), "depth"),
    "compressed": (tiff(GREYS, {259: [5]}), "compressed TIFF"),
    "big": (b"II+\0" + tiff(GREYS, {})[4:], ""),
    "wrong order of the number": (b"II\0*" + tiff(GREYS, {}, order=">")[4:], ""),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path, raw, message):
    assert message in failure(decoded, tmp_path, raw)


def test_signed_samples_are_no_values_up_to_255(tmp_path):
    assert "0 to 255" in failure(decoded, tmp_path, tiff(GREYS, {339: [2]}))


def test_turned_by_its_metadata(tmp_path):
    text = b'<rdf:RDF><rdf:Description tiff:Orientation="3"/></rdf:RDF>'
    raw = tiff(GREYS, {700: [1]})
    entry = struct.pack("<HHII", 700, 3, 1, 1)
    raw = raw.replace(entry, struct.pack("<HHII", 700, 1, len(text), len(raw))) + text
    assert "turned" in failure(decoded, tmp_path, raw)


def test_a_tag_that_stands_there_twice(tmp_path):
    raw = bytearray(tiff(GREYS, {339: [1], 340: [2]}))
    at = raw.index(struct.pack("<HH", 340, 3))
    raw[at : at + 2] = struct.pack("<H", 339)
    failure(decoded, tmp_path, bytes(raw))
