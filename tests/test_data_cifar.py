"""mdlcodec/data/cifar_binary.py: CIFAR's binary version (formats/data.md)."""

import numpy as np
import pytest
from bad_data import failure
from click.testing import CliRunner

from mdlcodec import data
from mdlcodec.cli import main

RNG = np.random.default_rng(0)


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
