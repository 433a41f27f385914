"""Moved copies of images, as a sender chooses them."""

import numpy as np
import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.codes import Options
from mdlcodec.data.arrays import from_arrays
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.files.settled import settle
from mdlcodec.nn.zoo import LENET5, LENET_300_100
from mdlcodec.sender import examples
from mdlcodec.sender.loop import Trainer
from mdlcodec.sender.sparsify import SPARSIFIERS, Choices, sparse_network
from mdlcodec.sender.task import Task


def _images(n, side=16):
    """The class is the half that is bright; float32 (n, side, side, 1), int32 (n,)."""
    random = np.random.default_rng(n)
    y = (np.arange(n) % 2).astype(np.int32)
    x = random.random((n, side, side, 1), np.float32) * 0.2
    x[y == 1, side // 2 :] += 0.7
    return x, y


@pytest.fixture
def drawn(monkeypatch):
    """What copies are drawn: a list of (copies, how far)."""
    calls, own = [], examples.moved_copies

    def noted(images, copies, strength, generator):
        calls.append((copies, strength))
        return own(images, copies, strength, generator)

    monkeypatch.setattr(examples, "moved_copies", noted)
    return calls


@pytest.mark.parametrize(
    ("method", "choices", "found"),
    [
        ("entropy", Choices(), [(4, 1.0)]),
        ("entropy", Choices(copies=(1, 2), moved=(1.0, 0.5)), [(2, 0.5)]),
        ("vib", Choices(), [(4, 1.0)] * 2),
        ("vib", Choices(copies=(2, 2)), [(2, 1.0)] * 2),
        ("vib", Choices(copies=(1, 2), moved=(1.0, 1.5)), [(1, 1.0), (2, 1.5), (2, 1.5)]),
        ("drr", Choices(moved=(0.0, 0.0)), [(4, 0.0)] * 2),
        ("drr", Choices(copies=(0, 1)), [(1, 1.0)] * 2),
        ("drr", Choices(copies=(0, 0)), []),
        ("drr", Choices(copies=(2, 3), priced=False), [(2, 1.0), (3, 1.0)]),
    ],
)
def test_every_training_sees_the_copies_that_are_chosen(method, choices, found, drawn):
    x, y = _images(32)
    task = Task.of(LENET5, x, y, 2, seed=0, effort=0.01)
    sparse_network(Trainer(task), sparsify=method, choices=choices)
    assert drawn == found


def test_what_has_no_copies_takes_no_choice_of_them():
    x, y = _images(24)
    columns = Task.of(LENET_300_100, x.reshape(24, -1), y, 2, seed=0)
    reals = Task.of_reals(LENET_300_100, x, y.astype(float) - 0.5, seed=0)
    for task in (columns, reals):
        for choices in (Choices(copies=(0, 0)), Choices(moved=(2.0, 2.0))):
            with pytest.raises(BadData, match="images of classes have moved copies"):
                sparse_network(Trainer(task), sparsify="drr", choices=choices)


def test_methods_that_train_on_images_as_they_are_take_no_copies():
    assert {name for name, one in SPARSIFIERS.items() if "copies" not in one.takes} == {"dns", "after-fit"}


def test_copies_are_counted_before_they_are_made(drawn):
    x, y = _images(400, 28)
    dataset = from_arrays(x, y)

    def counted(options):
        settled = settle(
            dataset, code="two-part", net="lenet5", preset=1, seed=0, device="cpu", options=options
        )
        prepared = settled.code.prepare(dataset.inputs, settled.labels.target, settled.settings)
        return prepared.sending_cost(settled.options).memory

    more = counted(Options(copies=(0, 64))) - counted(Options())
    assert more == examples.memory_of_copies(400, x.size, 2, 64) > 60 * 2 * 2 * x.size
    assert counted(Options(copies=0)) == counted(Options(copies=4)) == counted(Options())
    with pytest.raises(LimitExceeded, match="max_memory"):
        limit = counted(Options()) + more // 2
        mdlcodec.encode(x, y, code="two-part", net="lenet5", preset=1, copies=64, max_memory=limit)
    assert not drawn


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--copies", "65"], "copies are 0 to 64 of each image, not 65"),
        (["--moved", "-1"], "moved is a number of 0 to 10, not -1"),
        (["--copies", "3,65"], "copies are 0 to 64 of each image, not 65"),
        (["--moved", "1,nan"], "moved is a number of 0 to 10, not nan"),
        (["--sparsify", "dns", "--copies", "0"], "the sparsifier dns takes no copies"),
        (
            ["--copies", "1,2,3"],
            "copies has 3 numbers; give one, or two: while weights leave, and afterwards",
        ),
        (["--code", "subspace", "--copies", "2"], "copies"),
        (["--code", "prequential", "--moved", "2"], "moved"),
    ],
)
def test_choices_that_are_refused_in_one_line(options, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _images(40)
    np.savez("set.npz", x=x, y=y)
    told = CliRunner().invoke(main, ["encode", "set.npz", "--code", "two-part", "-1", *options, "--quiet"])
    assert told.exit_code == 2
    assert text in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_copies_from_the_command_line(tmp_path, monkeypatch, drawn):
    monkeypatch.chdir(tmp_path)
    x, y = _images(40)
    np.savez("set.npz", x=x, y=y)
    command = ["encode", "set.npz", "--code", "two-part", "--net", "lenet5", "-1", "--no-verify", "--quiet"]
    told = CliRunner().invoke(main, [*command, "--copies", "3", "--moved", "0.5"])
    assert told.exit_code == 0, told.output
    told = CliRunner().invoke(
        main, [*command, "-f", "--copies", "1,2", "--moved", "1,0.5", "--sparsify", "rl1"]
    )
    assert told.exit_code == 0, told.output
    assert drawn == [(3, 0.5), (1, 1.0), (2, 0.5), (2, 0.5)]
    for options in (["--copies", "1.5"], ["--moved", "far"]):
        told = CliRunner().invoke(main, [*command, "-f", *options])
        assert told.exit_code == 2
        assert "is no list of numbers; write it as" in told.stderr
