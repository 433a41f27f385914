"""mdlcodec/data: folders of images, one image file as pixels, and CIFAR's binary version."""

import hashlib
import io
import os
import re
import struct
import tempfile
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.data.image_file import ENDINGS, pixels
from mdlcodec.data.image_folder import files_in_order
from mdlcodec.errors import BadData

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (5, 4, 3)).astype(np.uint8)
GREY = COLOUR[..., 0].copy()


def failure(call, *arguments, **options):
    """The one line in which the call fails."""
    with pytest.raises(BadData) as error:
        call(*arguments, **options)
    text = str(error.value)
    assert "\n" not in text
    assert text.isprintable()
    return text


def order_of(images):
    """The order by formats/data.md, written down a second time."""

    def key(image):
        shape = ",".join(map(str, image.shape))
        return hashlib.sha256(f"mdlcodec array\nuint8\n{shape}\n".encode() + image.tobytes()).digest()

    return sorted(range(len(images)), key=lambda i: key(images[i]))


def save(folder, images, names):
    for image, name in zip(images, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)


@pytest.fixture
def by_class(tmp_path):
    """A folder of 12 images in 3 classes, the images and their classes."""
    images = RNG.integers(0, 256, (12, 5, 4, 3)).astype(np.uint8)
    classes = ["cat", "dog", "a, b"] * 4
    save(tmp_path / "photos", images, [f"{name}/{i}.png" for i, name in enumerate(classes)])
    return tmp_path / "photos", images, np.array(classes)


# Folders


def test_images_by_class(by_class):
    folder, images, classes = by_class
    order = order_of(images)
    assert order != sorted(order)
    dataset = data.read(str(folder))
    assert dataset.inputs.digest == data.from_arrays(images[order]).inputs.digest
    np.testing.assert_array_equal(
        dataset.inputs.features, data.from_arrays(images[order]).inputs.features, strict=True
    )
    assert dataset.labels.array().tolist() == classes[order].tolist()
    assert dataset.labels.form == "csv"
    assert dataset.labels.column is None
    assert files_in_order(str(folder)) == [f"{classes[i]}/{i}.png" for i in order]
    assert data.label_bytes(dataset.labels, "csv").decode().count('"a, b"\n') == 4


def test_the_decoder_may_have_all_images_in_one_folder(by_class):
    folder, images, _ = by_class
    expected = data.read(str(folder)).inputs.digest
    flat = folder.parent / "flat"
    save(flat, images[::-1], [f"{i:x}.BMP" for i in range(12)])
    (inputs,) = data.read_inputs(str(flat), limit=12)
    assert inputs.digest == expected
    (inputs,) = data.read_inputs(str(folder))
    assert inputs.digest == expected
    assert "no class folders" in failure(data.read, str(flat))
    assert files_in_order(str(flat)) == [f"{11 - i:x}.BMP" for i in order_of(images)]


def test_the_limit_takes_the_first_in_order(by_class):
    folder, images, classes = by_class
    order = order_of(images)
    for limit in (1, 2, 11, 12, 10**20):
        dataset = data.read(str(folder), limit=limit)
        kept = order[:limit]
        assert dataset.inputs.digest == data.from_arrays(images[kept]).inputs.digest
        assert dataset.labels.array().tolist() == classes[kept].tolist()
        assert dataset.labels.values.tolist() == sorted(set(classes[kept]))


def test_grey_images_have_no_axis_of_channels(tmp_path):
    images = RNG.integers(0, 256, (3, 5, 4)).astype(np.uint8)
    save(tmp_path, images, ["a/1.png", "b/2.pgm", "b/3.tif"])
    assert data.read(str(tmp_path)).inputs.digest == data.from_arrays(images[order_of(images)]).inputs.digest


def test_folders_named_by_integers_are_integer_labels(tmp_path):
    images = RNG.integers(0, 256, (3, 5, 4)).astype(np.uint8)
    save(tmp_path, images, ["0/1.png", "1/2.png", "10/3.png"])
    labels = data.read(str(tmp_path)).labels
    assert labels.values.dtype == np.int64
    assert labels.array().tolist() == np.array([0, 1, 10])[order_of(images)].tolist()
    (tmp_path / "10").rename(tmp_path / "010")
    assert data.read(str(tmp_path)).labels.values.tolist() == ["0", "010", "1"]


def test_equal_images_come_in_the_order_of_their_classes(tmp_path):
    save(tmp_path, [GREY] * 4, ["b/1.png", "a/2.png", "c/0.png", "a/1.png"])
    assert data.read(str(tmp_path)).labels.array().tolist() == ["a", "a", "b", "c"]
    assert files_in_order(str(tmp_path)) == ["a/1.png", "a/2.png", "b/1.png", "c/0.png"]


images_in_classes = st.lists(
    st.tuples(
        st.integers(0, 5), st.sampled_from(["a", "b", "ö"]), st.sampled_from([".png", ".bmp", ".webp"])
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25)
@given(images_in_classes, st.randoms(use_true_random=False))
def test_names_formats_and_folders_change_no_inputs(items, random):
    names = [str(i) for i in range(len(items))]
    random.shuffle(names)
    with tempfile.TemporaryDirectory() as base:
        by_class, flat = Path(base, "by class"), Path(base, "flat")
        flat.mkdir()
        for i, (red, label, ending) in enumerate(items):
            image = Image.new("RGB", (2, 1), (red, 0, 0))
            (by_class / label).mkdir(parents=True, exist_ok=True)
            image.save(by_class / label / f"{names[i]}{ending}", lossless=True)
            image.save(flat / f"{i}.png")
        dataset = data.read(str(by_class))
        (inputs,) = data.read_inputs(str(flat))
    assert inputs.digest == dataset.inputs.digest
    np.testing.assert_array_equal(inputs.features, dataset.inputs.features)
    largest = max(red for red, _, _ in items)
    seen = np.rint(dataset.inputs.features[:, 0, 0, 0] * largest).astype(int)
    pairs = zip(seen.tolist(), dataset.labels.array().tolist(), strict=True)
    assert sorted(pairs) == sorted((red, label) for red, label, _ in items)


def test_what_is_no_image_is_left_out(by_class):
    folder, _, _ = by_class
    expected = data.read(str(folder)).inputs.digest
    for name in (".DS_Store", "Thumbs.db", "cat/.DS_Store", "cat/Thumbs.db", "README.txt", "cat/.x.png"):
        (folder / name).write_bytes(b"junk")
    for name in (".git", "empty", "cat/.ipynb_checkpoints"):
        (folder / name).mkdir()
    assert data.read(str(folder)).inputs.digest == expected


def test_folders_that_cannot_be_used(by_class, tmp_path):
    folder, images, _ = by_class
    Image.fromarray(images[0]).save(folder / "stray.png")
    assert "beside them, 'stray.png'" in failure(data.read, str(folder))
    (folder / "stray.png").unlink()
    (folder / "cat" / "kittens").mkdir()
    assert "'cat' holds a folder, 'kittens'" in failure(data.read, str(folder))
    (folder / "cat" / "kittens").rmdir()
    assert "--target" in failure(data.read, str(folder), target="0")
    for name, message in (("a.jpg", "lossy"), ("b.JPEG", "lossy"), ("c.avif", "lossy"), ("d.gif", "PNG")):
        (folder / "cat" / name).write_bytes(b"x")
        for call in (data.read, data.read_inputs):
            assert message in failure(call, str(folder))
        (folder / "cat" / name).unlink()
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    assert "holds no images (.png" in failure(data.read, str(tmp_path / "empty"))


def test_images_of_unlike_sizes_or_kinds(by_class):
    folder, images, _ = by_class
    bad = folder / "dog" / "odd\n.png"
    Image.fromarray(images[0].transpose(1, 0, 2).copy()).save(bad)
    line = failure(data.read, str(folder))
    assert r"'dog/odd\n.png' has 5 x 4 pixels, the images before it 4 x 5" in line
    Image.fromarray(images[0, :, :, 0].copy()).save(bad)
    assert r"'dog/odd\n.png' is grey, the images before it in colour" in failure(data.read, str(folder))


def test_names_that_are_no_text(by_class):
    folder, _, _ = by_class
    try:
        os.rename(os.fsencode(folder / "cat"), os.fsencode(folder) + b"/c\xff\nt")
    except OSError:
        pytest.skip("this file system has only names that are text")
    assert "not Unicode" in failure(data.read, str(folder))
    assert len(data.read_inputs(str(folder))) == 1


def test_links_and_what_is_no_file(by_class):
    folder, _, _ = by_class
    expected = data.read(str(folder)).inputs.digest
    (folder / "cat" / "0.png").rename(folder.parent / "elsewhere")
    (folder / "cat" / "0.png").symlink_to(folder.parent / "elsewhere")
    assert data.read(str(folder)).inputs.digest == expected
    (folder.parent / "elsewhere").unlink()
    assert "'cat/0.png' is no regular file" in failure(data.read, str(folder))
    (folder / "cat" / "0.png").unlink()
    os.mkfifo(folder / "cat" / "0.png")
    assert "'cat/0.png' is no regular file" in failure(data.read, str(folder))
    (folder / "cat" / "0.png").unlink()
    (folder / "dog" / "loop").symlink_to(folder)
    assert "holds a folder" in failure(data.read, str(folder))


def test_caps(by_class, monkeypatch):
    folder, _, _ = by_class
    data.read(str(folder))
    monkeypatch.setattr("mdlcodec.data.image_folder.MAX_FILES", 11)
    assert "more files than are allowed" in failure(data.read, str(folder))
    monkeypatch.undo()
    monkeypatch.setattr("mdlcodec.data.image_folder.MAX_BYTES", 12 * 60 - 1)
    assert "12 images of 60 bytes" in failure(data.read, str(folder))
    monkeypatch.undo()
    monkeypatch.setattr("mdlcodec.data.image_file.MAX_IMAGE_BYTES", 59)
    assert "more than 59 bytes" in failure(data.read, str(folder))


def test_a_folder_that_cannot_be_listed(by_class, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mdlcodec.data.bounded.os.scandir", denied)
    assert "Permission denied" in failure(data.read, str(by_class[0]))


def test_encode_and_decode(by_class, monkeypatch, capsys):
    folder, images, classes = by_class
    monkeypatch.chdir(folder.parent)
    run = CliRunner().invoke
    save(Path("flat"), images, [f"{i}.png" for i in range(12)])
    done = run(main, ["encode", "photos", "--net", "kernel", "-1", "--no-verify", "--limit", "10"])
    assert done.exit_code == 0, done.output
    for inputs in ("photos", "flat"):
        done = run(main, ["decode", "photos.mdl", "--inputs", inputs, "-o", f"{inputs}.csv"])
        assert done.exit_code == 0, done.output
        expected = [f'"{name}"' if "," in name else name for name in classes[order_of(images)[:10]]]
        assert Path(f"{inputs}.csv").read_text().splitlines() == expected
    Path("photos.csv").rename("photos-labels.csv")
    specification = Path(__file__).parent.parent / "formats" / "data.md"
    snippet = re.search(r"^    import csv\n(?:    .*\n|\n)+", specification.read_text(), re.MULTILINE)
    exec(textwrap.dedent(snippet[0]))
    expected = [f"{classes[i]}/{i}.png {classes[i]}" for i in order_of(images)[:10]]
    assert capsys.readouterr().out.splitlines() == expected
    done = run(main, ["encode", "flat"])
    assert done.exit_code == 2
    assert "no class folders" in done.output


# One image file


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def decoded(folder, raw, **options):
    path = folder / "image"
    path.write_bytes(raw)
    return pixels(str(path), "na\nme", **options)


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


def png(width, height, body, depth=8, kind=0):
    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b"")]
    )


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
        "is no image that can be read",
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


# CIFAR


def records(n, labels=None, label_bytes=1):
    """A file of n records, the images (n, 32, 32, 3) and the labels."""
    images = RNG.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)
    labels = RNG.integers(0, 10, n).astype(np.uint8) if labels is None else labels
    heads = np.zeros((n, label_bytes), np.uint8)
    heads[:, -1] = labels
    raw = np.concatenate([heads, images.transpose(0, 3, 1, 2).reshape(n, -1)], axis=1)
    return raw.tobytes(), images, labels


@pytest.fixture
def cifar(tmp_path):
    parts = [records(n) for n in (3, 1, 2, 4, 1)]
    for i, (raw, _, _) in enumerate(parts, start=1):
        (tmp_path / f"data_batch_{i}.bin").write_bytes(raw)
    (tmp_path / "batches.meta.txt").write_text("airplane\n")
    (tmp_path / "test_batch.bin").write_bytes(records(2)[0])
    return (
        tmp_path,
        np.concatenate([images for _, images, _ in parts]),
        np.concatenate([labels for _, _, labels in parts]),
    )


def test_cifar(cifar):
    folder, images, labels = cifar
    for limit in (None, 1, 3, 4, 9, 11, 10**20):
        dataset = data.read(str(folder), limit=limit)
        assert dataset.inputs.digest == data.from_arrays(images[:limit]).inputs.digest
        np.testing.assert_array_equal(dataset.labels.array(), labels[:limit], strict=True)
        assert dataset.labels.form == "npy"
    assert dataset.inputs.features.shape == (11, 32, 32, 3)
    one = data.read(str(folder / "data_batch_4.bin"))
    np.testing.assert_array_equal(one.labels.array(), labels[6:10])
    assert "--target" in failure(data.read, str(folder), target="0")


def test_cifar_inputs_do_not_depend_on_the_label_bytes(cifar, tmp_path):
    folder, images, _ = cifar
    np.savez(tmp_path / "images.npz", x=images)
    for i in range(1, 6):
        path = folder / f"data_batch_{i}.bin"
        raw = bytearray(path.read_bytes())
        raw[::3073] = b"\xff" * (len(raw) // 3073)
        path.write_bytes(raw)
    (inputs,) = data.read_inputs(str(folder))
    (arrays,) = data.read_inputs(str(tmp_path / "images.npz"))
    assert inputs.digest == arrays.digest
    np.testing.assert_array_equal(inputs.features, arrays.features)
    assert "label of 255" in failure(data.read, str(folder))


def test_cifar_100_has_its_fine_labels(tmp_path):
    raw, images, labels = records(5, np.array([0, 99, 3, 50, 3], np.uint8), label_bytes=2)
    (tmp_path / "train.bin").write_bytes(raw)
    for source in (tmp_path, tmp_path / "train.bin"):
        dataset = data.read(str(source), limit=4)
        assert dataset.inputs.digest == data.from_arrays(images[:4]).inputs.digest
        np.testing.assert_array_equal(dataset.labels.array(), labels[:4], strict=True)


def test_bad_cifar(cifar, monkeypatch):
    folder, _, _ = cifar
    path = folder / "data_batch_2.bin"
    raw = path.read_bytes()
    for bad in (b"", raw[:-1], raw + b"x", raw[:1]):
        path.write_bytes(bad)
        for call in (data.read, data.read_inputs):
            for source in (folder, path):
                assert f"has {len(bad)} bytes" in failure(call, str(source))
    path.unlink()
    assert "has no data_batch_2.bin" in failure(data.read, str(folder), limit=1)
    path.mkdir()
    assert "is no regular file" in failure(data.read, str(folder))
    path.rmdir()
    path.write_bytes(raw)
    monkeypatch.setattr("mdlcodec.data.cifar_binary.MAX_BYTES", 4 * 3073)
    assert "more than 12292 bytes" in failure(data.read, str(folder))


def test_cifar_encodes_and_decodes(cifar, monkeypatch):
    folder, images, labels = cifar
    monkeypatch.chdir(folder)
    np.savez("images.npz", x=images)
    run = CliRunner().invoke
    done = run(main, ["encode", str(folder), "-o", "c.mdl", "--net", "kernel", "-1", "--no-verify"])
    assert done.exit_code == 0, done.output
    for inputs in (str(folder), "images.npz"):
        done = run(main, ["decode", "c.mdl", "--inputs", inputs, "-o", "labels.npy", "-f"])
        assert done.exit_code == 0, done.output
        np.testing.assert_array_equal(np.load("labels.npy"), labels, strict=True)


# Finding a reader


def test_a_folder_of_idx_files_is_no_folder_of_images(by_class):
    folder, _, _ = by_class
    expected = data.read(str(folder)).inputs.digest
    (folder / "photos-labels-idx1-ubyte").write_bytes(b"written by decode")
    assert data.read(str(folder)).inputs.digest == expected
    (folder / "t10k-images-idx3-ubyte").write_bytes(b"x")
    assert "has no train-images-idx3-ubyte" in failure(data.read, str(folder))


def test_all_endings_are_known_to_pillow():
    assert set(ENDINGS) <= Image.registered_extensions().keys()
