"""mdlcodec/data/image_folder.py: classes, order and names of a folder's images."""

import hashlib
import json
import os
import re
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from bad_data import failure
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.data.image_folder import files_in_order

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 4)).astype(np.uint8)


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


def test_what_is_left_out_is_said(by_class, capfd):
    folder, _, _ = by_class
    assert data.read(str(folder)).notes == ()
    for name in ("cat/3.pam", "cat/.hidden", "dog/a\nb.apng", "README.txt"):
        (folder / name).write_bytes(b"junk")
    (folder / "birds").mkdir()
    (folder / "birds" / "1.dib").write_bytes(b"junk")
    (folder / "empty").mkdir()
    dataset = data.read(str(folder))
    classes, files = dataset.notes
    assert "2 class folders ('birds', 'empty')" in classes
    assert "4 files ('README.txt', 'birds/1.dib', 'cat/3.pam', 'dog/a\\nb.apng')" in files
    assert set(dataset.labels.values) == {"a, b", "cat", "dog"}
    (content,) = data.read_candidates(str(folder))
    assert content.notes == dataset.notes
    for i in range(3):
        (folder / f"{i}.txt").write_bytes(b"")
    assert (
        "7 files ('0.txt', '1.txt', '2.txt', 'README.txt', 'birds/1.dib', ...)"
        in data.read(str(folder)).notes[1]
    )
    assert capfd.readouterr() == ("", "")


def test_commands_say_what_is_left_out(by_class, monkeypatch):
    folder, _, _ = by_class
    monkeypatch.chdir(folder.parent)
    (folder / "bird").mkdir()
    (folder / "cat" / "x.pam").write_bytes(b"")
    run = CliRunner().invoke
    encode = ["encode", "photos", "--code", "uniform", "--no-verify", "-f"]
    decode = ["decode", "photos.mdl", "--inputs", "photos", "-f"]
    for command in (encode, decode):
        lines = run(main, command).stderr.splitlines()
        assert lines[0].startswith("mdlcodec: note: left out") and "1 class folder ('bird')" in lines[0]
        assert lines[1].startswith("mdlcodec: note: left out") and "1 file ('cat/x.pam')" in lines[1]
        assert run(main, [*command, "--quiet"]).stderr == ""
    done = run(main, [*encode, "--json", "--quiet"])
    assert [note.count("left out") for note in json.loads(done.stdout)["notes"]] == [1, 1]


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


# Finding a reader


def test_a_folder_of_idx_files_is_no_folder_of_images(by_class):
    folder, _, _ = by_class
    expected = data.read(str(folder)).inputs.digest
    (folder / "photos-labels-idx1-ubyte").write_bytes(b"written by decode")
    assert data.read(str(folder)).inputs.digest == expected
    (folder / "t10k-images-idx3-ubyte").write_bytes(b"x")
    assert "has no train-images-idx3-ubyte" in failure(data.read, str(folder))
