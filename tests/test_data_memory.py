"""Reading inputs holds to the limit of memory: what is made counts, before it is made, whatever it is read from."""

import gzip
import lzma
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from image_files import chunk, decoded, png, tiff
from PIL import Image

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.data.arrays import array_content
from mdlcodec.data.bounded import list_bounded
from mdlcodec.data.image_png import check_rows, parse
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.files import label_file, labels
from mdlcodec.limits import Limits, readers_within

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8)


def _npz(folder):
    np.savez_compressed(folder / "d.npz", x=np.zeros((600, 20)), y=np.arange(600) % 2)
    return folder / "d.npz"


def _columns(folder):
    np.savez_compressed(folder / "d.npz", x=np.zeros((2, 1000), bool), y=np.arange(2))
    return folder / "d.npz"


def _words(folder):
    np.savez_compressed(
        folder / "d.npz", x=np.zeros(50, bool), y=np.array(["a", "b" * 900])[np.arange(50) % 2]
    )
    return folder / "d.npz"


def _members(folder):
    with zipfile.ZipFile(folder / "d.npz", "w") as archive:
        for i in range(300):
            archive.writestr(f"{i}.npy", b"")
    return folder / "d.npz"


def _table(folder):
    (folder / "t.csv").write_text("".join(f"{i * 0.1},{i},a\n" for i in range(200)))
    return folder / "t.csv"


def _row(folder):
    (folder / "t.csv.gz").write_bytes(gzip.compress(b"," * 80_000))
    return folder / "t.csv.gz"


def _line(folder):
    (folder / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"c" * 4_000_000))
    return folder / "t.csv.gz"


def _idx(folder):
    (folder / "a-images-idx3-ubyte").write_bytes(
        bytes([0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 12, 0, 0, 0, 12]) + PIXELS.tobytes()
    )
    (folder / "a-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 40, *range(2)] + 38 * [0]))
    return folder / "a-images-idx3-ubyte"


def _cifar(folder):
    (folder / "test_batch.bin").write_bytes(bytes(3073 * 10))
    return folder / "test_batch.bin"


def _pictures(folder):
    for name in "ab":
        (folder / name).mkdir()
        Image.fromarray(np.tile(PIXELS[0], (8, 8))).save(folder / name / f"{name}.png")
    return folder


READ = [_npz, _columns, _words, _table, _idx, _cifar, _pictures]


@pytest.mark.parametrize("made", READ)
def test_what_is_read_counts(made, tmp_path):
    source = str(made(tmp_path))
    data.read(source)
    with (
        readers_within(50_000),
        pytest.raises(LimitExceeded, match=r"^reading .*; allow it with --max-memory \d"),
    ):
        data.read(source)


@pytest.mark.parametrize("made", [made for made in READ if made is not _words])
def test_inputs_alone_count(made, tmp_path):
    with readers_within(50_000), pytest.raises(LimitExceeded):
        data.read_inputs(str(made(tmp_path)))


@pytest.mark.parametrize("made", [_npz, _words, _members, _table, _row, _line, _idx, _cifar, _pictures])
def test_what_is_refused_was_not_made(made, tmp_path):
    source = str(made(tmp_path))
    with readers_within(1 << 12):
        tracemalloc.start()
        with pytest.raises(LimitExceeded):
            data.read(source)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 700_000


def test_the_dictionary_of_xz_counts(tmp_path):
    (tmp_path / "t.csv.xz").write_bytes(lzma.compress(b"a,b\n1,2\n", preset=6))  # 8 MiB
    with readers_within(16 << 20):
        data.read(str(tmp_path / "t.csv.xz"))
    with readers_within(4 << 20), pytest.raises(LimitExceeded, match=r"dictionary .*--max-memory"):
        data.read(str(tmp_path / "t.csv.xz"))


def test_names_in_a_folder_count(tmp_path):
    for i in range(4096):
        (tmp_path / f"{i}").touch()
    assert len(list_bounded(tmp_path)) == 4096
    with readers_within(1 << 18), pytest.raises(LimitExceeded, match="reading the folder"):
        list_bounded(tmp_path)


def test_features_count_beside_what_they_are_made_of():
    x = np.zeros((100, 10, 10))
    with readers_within(54 * x.size):
        array_content(x).inputs()
        with pytest.raises(LimitExceeded, match="reading 100 images"):
            array_content(x, None, x.nbytes).inputs()


def test_rows_of_a_png_are_not_unpacked_beyond_the_pixels():
    bomb = png(1, 1, None, stream=zlib.compress(bytes(1 << 25)))
    tracemalloc.start()
    with pytest.raises(Exception, match="more rows than it says"):
        check_rows(parse(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_what_does_not_decide_the_pixels_of_a_png_is_not_decoded(tmp_path):
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))
    raw = png(2, 1, b"\0\1\2", before=[text], after=[text])
    assert decoded(tmp_path, raw).tolist() == [[1, 2]]
    assert b"zTXt" not in parse(raw).plain
    assert parse(raw).plain == png(2, 1, b"\0\1\2")


def test_tags_of_a_tiff_do_not_lie_in_one_place(tmp_path):
    assert decoded(tmp_path, tiff(bytes(range(4)), {})).tolist() == [[0, 1, 2, 3]]
    for tag in (60_000, 60_001):  # each as large as most of the file
        raw = bytearray(tiff(bytes(64), {60_000: [1, 2], 60_001: [1, 2]}))
        at = raw.index(tag.to_bytes(2, "little"))
        raw[at + 2 : at + 12] = b"\1\0" + (len(raw) - 8).to_bytes(4, "little") + (8).to_bytes(4, "little")
    with pytest.raises(BadData, match="lies in that of another"):
        decoded(tmp_path, bytes(raw))


def test_commands_and_calls_hold_to_it(tmp_path):
    source = _npz(tmp_path)
    with np.load(source) as archive:
        x, y = archive["x"], archive["y"]
    blob = mdlcodec.encode(x, y, code="uniform")
    (tmp_path / "f.mdl").write_bytes(blob)
    output = str(tmp_path / "out")
    for command in (
        ["encode", str(source), "-o", output],
        ["decode", str(tmp_path / "f.mdl"), "--inputs", str(source), "-o", f"{output}.npy"],
        ["test", str(tmp_path / "f.mdl"), "--inputs", str(source)],
        ["compare", str(source), "-o", output],
    ):
        done = CliRunner().invoke(main, [*command, "--max-memory", "90kB"])
        assert (done.exit_code, "reading" in done.stderr, done.stderr.count("\n")) == (3, True, 1), (
            done.stderr
        )
    assert {path.name for path in tmp_path.iterdir()} == {"d.npz", "f.mdl"}
    for call in (mdlcodec.encode, mdlcodec.decode):
        with pytest.raises(LimitExceeded, match="reading 600 examples"):
            call(*((x, y) if call is mdlcodec.encode else (blob, x)), max_memory=40_000)
    assert (mdlcodec.decode(blob, x) == y).all()


def test_inputs_that_are_held_count_beside_what_decoding_takes():
    x, y = np.zeros((300, 2)), np.arange(300) % 2
    file = label_file.parse(mdlcodec.encode(x, y, code="uniform"))
    digest = data.content_of(x).digest

    def held(header):
        return [data.Content(header.n, digest, lambda: np.zeros((300, 1000), np.float32))]

    labels.decode(file, held, limits=Limits(memory=1_300_000))
    with pytest.raises(LimitExceeded, match="this takes"):
        labels.decode(file, held, limits=Limits(memory=1_200_000))


def test_nothing_is_encoded_that_cannot_be_decoded_within_the_limit():
    """Or encode would fail when it verifies the file, after all of its training."""
    dataset = data.from_arrays(np.zeros((1000, 1)), np.arange(1000) % 2)
    with pytest.raises(LimitExceeded, match="decoding its file takes"):
        labels.encode(dataset, code="uniform", limits=Limits(memory=120_000))
    labels.encode(dataset, code="uniform", limits=Limits(memory=140_000))
