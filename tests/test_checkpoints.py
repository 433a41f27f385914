"""Checkpoints: ended at block ends and gone on, the same bytes come out; what is damaged or foreign is refused."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from label_sets import CASES, SWITCHED, blobs, coloured, first_examples, images
from real_cases import CASES as REALS

import mdlcodec
from mdlcodec import data
from mdlcodec.cli import main
from mdlcodec.codes import CODES
from mdlcodec.data.dataset import Choice
from mdlcodec.errors import BadData, CorruptFile, LimitExceeded, MdlcodecError, Unsupported
from mdlcodec.files import label_file
from mdlcodec.files import labels as label_files
from mdlcodec.files.checkpoints import CheckpointFile, going_on

HEAD = 9 + 64  # magic number, version, two digests


class Ended(Exception):
    """In the place of kill -9."""


class Ending(CheckpointFile):
    """Writes a state at one of the times it is asked for one, and ends the run right after."""

    def __init__(self, path, at: int) -> None:
        super().__init__(path, seconds=0)
        self._calls, self._at = 0, at

    def due(self) -> bool:
        self._calls += 1
        return self._calls == self._at

    def save(self, saved) -> None:
        super().save(saved)
        raise Ended


def _prequential(name: str):
    x, y, net, preset = CASES[name]
    return data.from_arrays(x, y), {"code": "prequential", "net": net, "preset": preset}


def _switching(name: str):
    x, y, preset, _ = SWITCHED[name]
    return data.from_arrays(x, y), {"code": "switching", "preset": preset}


def _reals(name: str):
    case = REALS[name]
    dataset = data.from_arrays(case.x, case.y, Choice("reals"))
    return dataset, {"code": case.code, "net": case.net, "preset": 1}


# data and settings, for how many examples kernel and neighbours are, and the states after which the run ends
RUNS = {
    "mlp": (*_prequential("mlp"), None, (1, 4)),
    "cnn": (*_prequential("cnn"), None, (2,)),
    "cnn, selective": (data.from_arrays(*images(14, 20)), {"net": "cnn", "preset": 4}, None, (1,)),
    "large images in colour": (data.from_arrays(*coloured(16)), {"net": "cnn", "preset": 4}, None, (2, 1)),
    "kernel": (*_prequential("kernel"), None, (1, 7, 70)),
    "switching": (*_switching("columns"), None, (3, 40)),
    "switching, few": (*_switching("columns, few"), 25, (20, 3)),
    "switching of images, few": (
        data.from_arrays(*images(16, 20)),
        {"code": "switching", "preset": 1},
        12,
        (10, 2),
    ),
    "reals, kernel": (*_reals("kernel"), None, (1, 60)),
    "reals, mlp": (*_reals("mlp"), None, (2, 3)),
    "reals, switching": (*_reals("switching"), None, (9, 40)),
}


def _inputs(dataset):
    return lambda header: [_Given(dataset)]


class _Given:
    """Inputs that are preprocessed already, as candidates for a file."""

    def __init__(self, dataset) -> None:
        self.n, self.digest, self._inputs = dataset.inputs.n, dataset.inputs.digest, dataset.inputs

    def inputs(self):
        return self._inputs


def _seeing(seen):
    def begin(plan):
        return lambda done, bits, stage="", /: seen.append(done)

    return begin


@pytest.mark.parametrize("name", RUNS)
def test_runs_that_are_ended_give_the_same_bytes(name, tmp_path):
    dataset, settings, few, ends = RUNS[name]
    path = tmp_path / "state"
    with first_examples(few):
        whole, run = label_files.encode(dataset, **settings)
        for at in ends:
            with pytest.raises(Ended):
                label_files.encode(dataset, **settings, checkpoint=Ending(path, at))
        held, seen = CheckpointFile(path), []
        blob, resumed = label_files.encode(dataset, **settings, checkpoint=held, watch=_seeing(seen))
        assert blob == whole
        assert seen[0] > len(ends)  # labels done before are not coded again
        assert abs(run.ideal_bits - resumed.ideal_bits) < 1e-6
        held.finish()
        file = label_file.parse(blob)
        for at in ends:
            with pytest.raises(Ended):
                label_files.decode(file, _inputs(dataset), checkpoint=Ending(path, at))
        seen.clear()
        labels, _ = label_files.decode(
            file, _inputs(dataset), checkpoint=CheckpointFile(path), watch=_seeing(seen)
        )
        assert seen[0] > len(ends)
    assert labels.array().tobytes() == dataset.labels.array().tobytes()


def _blocks(learner, n: int, start: int, labels: np.ndarray, seen: list[bytes]):
    """Yields where blocks begin; scores are seen, and learned from when the next is asked for."""
    while start < n:
        learner.retire(start)
        yield start
        stop = min(n, learner.block_end(start))
        seen.append(learner.predict(start, stop).tobytes())
        learner.learn(start, stop, labels[start:stop])
        start = stop


@pytest.mark.parametrize(
    ("name", "place"), [("mlp", 3), ("cnn, selective", 2), ("kernel", 30), ("switching of images, few", 14)]
)
def test_every_later_score_is_the_same(name, place):
    """Every bit of every score: a file of a few bytes hides small differences."""
    dataset, settings, few, _ = RUNS[name]
    n, classes = dataset.labels.n, dataset.labels.classes
    code = CODES[settings.get("code", "prequential")]
    with first_examples(few):
        inputs, target = dataset.inputs, dataset.labels.target
        chosen = code.settings(settings.get("net", "auto"), settings["preset"], 0, inputs, target)
        prepared = code.prepare(inputs, target, chosen)
        learner, later = prepared.learner(), []
        blocks = _blocks(learner, n, 0, classes, later)
        start = [next(blocks) for _ in range(place)][-1]
        saved = {name: array.copy() for name, array in learner.saved().items()}
        later.clear()
        list(blocks)
        fresh, again = prepared.learner(), []
        fresh.retire(start)
        fresh.restore(saved, classes[:start])
        list(_blocks(fresh, n, start, classes, again))
    assert b"".join(later) == b"".join(again)


def test_another_number_of_threads_goes_on_with_the_same_bytes(tmp_path):
    dataset, settings, _, _ = RUNS["cnn, selective"]
    whole, _ = label_files.encode(dataset, **settings)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pytest.raises(Ended):
            label_files.encode(dataset, **settings, checkpoint=Ending(tmp_path / "state", 1))
        torch.set_num_threads(2)
        blob, _ = label_files.encode(dataset, **settings, checkpoint=CheckpointFile(tmp_path / "state"))
    finally:
        torch.set_num_threads(before)
    assert blob == whole


# --- what is no checkpoint of this work


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> bytes:
    """A checkpoint of the kernel machine's run."""
    path = tmp_path_factory.mktemp("state") / "state"
    dataset, settings, _, _ = RUNS["kernel"]
    with pytest.raises(Ended):
        label_files.encode(dataset, **settings, checkpoint=Ending(path, 5))
    return path.read_bytes()


def _refused(path: Path, blob: bytes, kind: type[MdlcodecError], words: str, name: str = "kernel", **changed):
    """An encode with that file as its checkpoint is refused in one line, and the file stays."""
    path.write_bytes(blob)
    dataset, settings, _, _ = RUNS[name]
    with pytest.raises(kind, match=words) as told:
        label_files.encode(dataset, **settings | changed, checkpoint=CheckpointFile(path))
    assert "\n" not in str(told.value)
    assert path.read_bytes() == blob


def test_damage_is_refused(state, tmp_path):
    path = tmp_path / "state"
    for at in range(9, len(state), 7):
        flipped = bytearray(state)
        flipped[at] ^= 4
        _refused(path, bytes(flipped), CorruptFile, "damaged")
    for size in (8, 9, 40, HEAD, HEAD + 8, len(state) - 1):
        _refused(path, state[:size], CorruptFile, "damaged")
    _refused(path, state + b"x", CorruptFile, "damaged")


def test_other_files_are_refused_and_stay(state, tmp_path):
    for blob in (b"MDL", b"MDL\x10" + bytes(100), b"precious"):
        _refused(tmp_path / "state", blob, CorruptFile, "no checkpoint of mdlcodec")
    _refused(tmp_path / "state", state[:8] + b"\x02" + state[9:], Unsupported, "version 2")
    _refused(tmp_path / "state", state[:8] + b"\x00" + state[9:], CorruptFile, "damaged")
    with pytest.raises(CorruptFile, match="no checkpoint"):
        label_files.encode(RUNS["kernel"][0], checkpoint=CheckpointFile("/dev/null"))


def test_an_empty_file_holds_no_state_yet(tmp_path):
    (tmp_path / "state").touch()  # as mktemp makes it
    dataset, settings, _, _ = RUNS["kernel"]
    whole, _ = label_files.encode(dataset, **settings)
    assert label_files.encode(dataset, **settings, checkpoint=CheckpointFile(tmp_path / "state"))[0] == whole


def test_a_checkpoint_of_other_work_is_refused(state, tmp_path):
    path = tmp_path / "state"
    _refused(path, state, BadData, "other work", seed=1)
    _refused(path, state, BadData, "other work", preset=2)
    _refused(path, state, BadData, "other work", net="mlp")
    _refused(path, state, BadData, "other work", name="mlp", net="kernel", seed=3)
    dataset, settings, _, _ = RUNS["kernel"]
    labels = replace(dataset.labels, classes=dataset.labels.classes[::-1].copy())
    with pytest.raises(BadData, match="other work"):
        label_files.encode(replace(dataset, labels=labels), **settings, checkpoint=CheckpointFile(path))
    inputs = replace(dataset.inputs, digest=bytes(32))
    with pytest.raises(BadData, match="other work"):
        label_files.encode(replace(dataset, inputs=inputs), **settings, checkpoint=CheckpointFile(path))
    file = label_file.parse(label_files.encode(dataset, **settings)[0])
    with pytest.raises(BadData, match="other work"):
        label_files.decode(file, _inputs(dataset), checkpoint=CheckpointFile(path))


class Changing(Ending):
    """Writes a state that no run has, with a valid checksum."""

    def __init__(self, path, at: int, change) -> None:
        super().__init__(path, at)
        self._change = change

    def save(self, saved) -> None:
        changed = {name: array.copy() for name, array in saved.items()}
        self._change(changed)
        super().save(changed)


def _set(name, value, at=...):
    def change(saved):
        saved[name][at] = value

    return change


def _without(name):
    return lambda saved: saved.pop(name)


def _as(name, make):
    def change(saved):
        saved[name] = make(saved[name])

    return change


def _longer(array):
    return np.concatenate([array, array[:1]])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kernel", _set("done", 0)),
        ("kernel", _set("done", 90)),
        ("kernel", _set("done", -1)),
        ("kernel", _set("bits", np.nan)),
        ("kernel", _without("done")),
        ("kernel", _without("coder/state")),
        ("kernel", _without("coder/words")),
        ("kernel", _set("coder/state", 0, 1)),  # an interval of size 0
        ("kernel", _set("coder/state", 2**40, 2)),  # words held back
        ("kernel", _set("coder/state", 2**63, 4)),  # words written
        ("kernel", _set("coder/state", 2**33, 3)),
        ("kernel", _as("coder/words", lambda words: np.zeros(1000, np.uint32))),
        ("kernel", _as("coder/words", lambda words: words.astype(np.uint64))),
        ("kernel", _set("calibration/weights", np.nan, 3)),
        ("kernel", _set("calibration/weights", 0.0, 3)),
        ("kernel", _set("calibration/counts", np.inf, 0)),
        ("kernel", _as("calibration/prior", _longer)),
        ("mlp", _set("learner/0/steps", -1)),
        ("mlp", _set("learner/0/0/network/batches", -1)),
        ("mlp", _set("learner/0/0/network/noise", -8)),
        ("mlp", _set("learner/0/0/batches", 2**60)),
        ("mlp", _set("learner/0/0/optimiser/powers", 1.5, 0)),
        ("mlp", _set("learner/0/0/optimiser/powers", np.nan, 0)),
        ("mlp", _as("learner/0/0/optimiser/first", _longer)),
        ("mlp", _as("learner/0/0/network/state", lambda state: state.astype(np.float64))),
        ("mlp", _as("learner/0/0/average", lambda average: average[None])),
        ("mlp", _as("learner/0/0/known", lambda known: np.zeros(2**21))),  # more than any state has
        ("reals, kernel", _set("mixture/left", 0.0)),
        ("reals, kernel", _set("mixture/bits", np.nan)),
        ("reals, kernel", _set("mixture/alone", 0.0, 1)),
        ("reals, kernel", _set("mixture/spread", 0.0, 0)),
        ("reals, kernel", _set("mixture/coder/state", 2**20, 1)),
    ],
)
def test_states_that_no_run_has_are_refused(name, change, tmp_path):
    dataset, settings, _, _ = RUNS[name]
    path = tmp_path / "state"
    with pytest.raises(Ended):
        label_files.encode(dataset, **settings, checkpoint=Changing(path, 1, change))
    with pytest.raises(CorruptFile, match="remove it"):
        label_files.encode(dataset, **settings, checkpoint=CheckpointFile(path))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kernel", _set("labels", 3, 0)),
        ("kernel", _set("labels", -1, 0)),
        ("kernel", _as("labels", _longer)),
        ("kernel", _set("coder/state", 2, 4)),
        ("kernel", _set("coder/state", 0, 1)),
        ("reals, kernel", _set("labels", -(2**62), 0)),
    ],
)
def test_states_that_no_receiver_has_are_refused(name, change, tmp_path):
    dataset, settings, _, _ = RUNS[name]
    path = tmp_path / "state"
    file = label_file.parse(label_files.encode(dataset, **settings)[0])
    with pytest.raises(Ended):
        label_files.decode(file, _inputs(dataset), checkpoint=Changing(path, 1, change))
    with pytest.raises(CorruptFile, match="remove it"):
        label_files.decode(file, _inputs(dataset), checkpoint=CheckpointFile(path))


def test_a_state_that_makes_arithmetic_impossible_is_damage(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1000)
    with pytest.raises(ZeroDivisionError), going_on(checkpoint):
        raise ZeroDivisionError
    checkpoint.save({"a": np.zeros(1)})
    checkpoint.bind(bytes(32), 1000)
    with pytest.raises(CorruptFile, match="remove it"), going_on(checkpoint):
        raise ZeroDivisionError


def test_no_more_is_unpacked_than_the_settings_allow(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1 << 26)
    checkpoint.save({"a": np.zeros(1 << 22)})  # 32 MiB in a few kilobytes
    assert (tmp_path / "state").stat().st_size < 1 << 14
    checkpoint.bind(bytes(32), 1 << 26)
    assert checkpoint.load()["a"].size == 1 << 22
    with pytest.raises(CorruptFile, match="damaged"):
        checkpoint.bind(bytes(32), 1 << 24)


def test_a_checkpoint_counts_beside_what_the_run_takes(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1 << 26)
    checkpoint.save({"a": np.zeros(1 << 21), "b": np.zeros(3)})
    tracemalloc.start()
    checkpoint.bind(bytes(32), 1 << 26, 1 << 20, 18 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20  # held once, in blocks
    with pytest.raises(LimitExceeded, match=r"going on from the checkpoint takes 17 MiB .*--max-memory"):
        checkpoint.bind(bytes(32), 1 << 26, 1 << 20, 16 << 20)


def test_no_more_arrays_are_described_than_a_state_has(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1 << 26)
    checkpoint.save({f"{i}": np.zeros(0) for i in range(1 << 14)})
    checkpoint.bind(bytes(32), 1 << 26)
    assert len(checkpoint.load()) == 1 << 14
    checkpoint.save({f"{i}": np.zeros(0) for i in range((1 << 14) + 1)})
    with pytest.raises(CorruptFile, match="damaged"):
        checkpoint.bind(bytes(32), 1 << 26)


# --- when it is written, and where


def test_states_are_written_now_and_then(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1000)
    assert not checkpoint.due()
    often = CheckpointFile(tmp_path / "state", seconds=0)
    often.bind(bytes(32), 1000)
    often.save({})
    assert often.due()


def test_the_time_between_states(tmp_path, monkeypatch):
    monkeypatch.setenv("MDLCODEC_CHECKPOINT_SECONDS", "0")
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1000)
    assert checkpoint.due()
    for text in ("-1", "nan", "inf", "soon"):
        monkeypatch.setenv("MDLCODEC_CHECKPOINT_SECONDS", text)
        with pytest.raises(BadData, match="number of seconds"):
            CheckpointFile(tmp_path / "state")


def test_nothing_is_left_behind(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state", seconds=0)
    checkpoint.bind(bytes(32), 1000)
    checkpoint.save({"a": np.zeros(3)})
    (tmp_path / "state.4711.part").write_bytes(b"a run was ended while it wrote")
    (tmp_path / "state.other.part").write_bytes(b"not ours")
    checkpoint.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["state.other.part"]


def test_where_nothing_can_be_written(tmp_path):
    x, y = blobs(20, 3)
    with pytest.raises(BadData, match="no checkpoint can be written to the folder"):
        mdlcodec.encode(x, y, checkpoint=tmp_path / "none" / "state")
    with pytest.raises(BadData, match="type int"):
        mdlcodec.encode(x, y, checkpoint=3)


def test_python_calls(state, tmp_path):
    x, y, net, preset = CASES["kernel"]
    path = tmp_path / "state"
    path.write_bytes(state)
    blob = mdlcodec.encode(x, y, net=net, preset=preset, checkpoint=path)
    assert blob == mdlcodec.encode(x, y, net=net, preset=preset)
    assert not path.exists()
    assert (mdlcodec.decode(blob, x, checkpoint=str(path)) == y).all()
    assert not path.exists()


def test_what_was_coded_is_not_coded_again(tmp_path):
    """As for a run that was ended while its file was verified; of codes that train alone, too."""
    dataset = data.from_arrays(*blobs(20, 2))
    for settings in ({"code": "two-part-raw", "preset": 1}, {"code": "uniform"}):
        first = CheckpointFile(tmp_path / "state")
        blob, run = label_files.encode(dataset, **settings, checkpoint=first)
        seen = []
        again, resumed = label_files.encode(
            dataset, **settings, checkpoint=CheckpointFile(tmp_path / "state"), watch=_seeing(seen)
        )
        assert again == blob
        assert seen == []
        assert replace(resumed, seconds=run.seconds) == run
        first.finish()


# --- the command line


def _told(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_commands(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y, net, preset = CASES["kernel"]
    np.savez("a.npz", x=x, y=y)
    encode = "encode", "a.npz", "--net", net, f"-{preset}", "--no-verify", "--quiet"
    assert _told(*encode, "-o", "plain.mdl").exit_code == 0
    Path("state").write_bytes(state)
    assert _told(*encode, "--checkpoint", "state").exit_code == 0
    assert Path("a.mdl").read_bytes() == Path("plain.mdl").read_bytes()
    assert not Path("state").exists()
    assert _told("test", "a.mdl", "--inputs", "a.npz", "--checkpoint", "state", "--quiet").exit_code == 0
    assert (
        _told("decode", "a.mdl", "--inputs", "a.npz", "--checkpoint", "state", "-o", "y.npy").exit_code == 0
    )
    assert (np.load("y.npy") == y).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mdl", "a.npz", "plain.mdl", "y.npy"]


def test_commands_that_are_refused(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y, net, preset = CASES["kernel"]
    np.savez("a.npz", x=x, y=y)
    Path("state").write_bytes(state)
    encode = "encode", "a.npz", "--net", net, f"-{preset}", "--no-verify", "--quiet"
    told = _told(*encode, "--seed", "1", "--checkpoint", "state")
    assert (told.exit_code, told.stderr.count("\n"), "other work" in told.stderr) == (2, 1, True)
    Path("state").write_bytes(state[:-1])
    told = _told(*encode, "--checkpoint", "state")
    assert (told.exit_code, told.stderr.count("\n"), "damaged" in told.stderr) == (1, 1, True)
    Path("state").write_bytes(state[:8] + b"\x09" + state[9:])
    assert _told(*encode, "--checkpoint", "state").exit_code == 3
    for path in ("a.npz", "./a.npz", "a.mdl"):
        told = _told(*encode, "--checkpoint", path)
        assert (told.exit_code, "is the checkpoint, and read or written" in told.stderr) == (2, True)
    assert _told("test", "a.mdl", "--checkpoint", "state").exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "state"]
