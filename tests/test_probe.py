"""Probes: many files side by side, control tasks, what goes on after it was ended; scikit-learn's manners."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.cli.options import _PROBE_PRESET
from mdlcodec.container import read_frame, write_frame
from mdlcodec.container.ids import PROBE_PRESET
from mdlcodec.errors import BadData, MdlcodecError, Unsupported
from mdlcodec.sklearn import CodelengthScorer
from mdlcodec.studies.jobs import Job, run_side_by_side
from mdlcodec.studies.probing import drawn

RNG = np.random.default_rng(3)
Y = np.arange(120) % 3
LAYERS = {
    "input": RNG.normal(size=(120, 4)),
    "layer 1/ReLU": np.eye(3)[Y] + RNG.normal(scale=0.3, size=(120, 3)),
}


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    told: list[tuple[int, int, str]] = []
    table = mdlcodec.probe(
        LAYERS, Y, control=True, seeds=2, folder=folder, progress=lambda *seen: told.append(seen)
    )
    return table, folder, told


def test_a_row_for_each_layer(probed):
    table, _, told = probed
    assert [row.layer for row in table] == list(LAYERS)
    assert (table.labels, table.classes, table.seeds, len(table)) == (120, 3, 2, 2)
    for row in table:
        assert row.bits == sum(row.bits_by_seed) / 2
        assert row.control_bits == sum(row.control_bits_by_seed) / 2
        assert row.ratio == pytest.approx(row.bits / (120 * np.log2(3)))
        assert row.mutual_information == pytest.approx(np.log2(3) - row.bits / 120)
        assert row.selectivity == pytest.approx((row.control_bits - row.bits) / 120)
        assert row.seconds > 0
    assert table["layer 1/ReLU"].bits < table["input"].bits
    assert [done for done, _, _ in told] == list(range(1, 9))
    assert all(total == 8 and "bits" in text for _, total, text in told)


def test_every_length_is_of_a_file_that_gives_the_labels_back(probed):
    table, folder, _ = probed
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.mdl")}
    assert len(sizes) == 8
    row = table["layer 1/ReLU"]
    assert row.bits_by_seed == tuple(8 * sizes[f"001-layer-1-ReLU-labels-{seed}.mdl"] for seed in (0, 1))
    blob = (folder / "001-layer-1-ReLU-labels-0.mdl").read_bytes()
    assert (mdlcodec.decode(blob, LAYERS["layer 1/ReLU"]) == Y).all()
    blob = (folder / "000-input-control-1.mdl").read_bytes()
    assert (mdlcodec.decode(blob, LAYERS["input"]) == drawn(Y, np.arange(120), 1)).all()
    assert all("verify_seconds" in json.loads(path.read_text()) for path in folder.glob("*.json"))


def test_a_study_goes_on_from_what_is_there(probed, monkeypatch):
    table, folder, _ = probed
    ran: list[str] = []
    real = run_side_by_side

    def counted(jobs, workers):
        ran.extend(job.name for job in jobs)
        return real(jobs, workers)

    monkeypatch.setattr("mdlcodec.studies.probing.run_side_by_side", counted)
    again = mdlcodec.probe(LAYERS, Y, control=True, seeds=2, folder=folder)
    assert ran == []
    assert again == table
    (folder / "000-input-labels-1.mdl").write_bytes(b"cut")
    (folder / "000-input-labels-1.json").unlink()
    again = mdlcodec.probe(LAYERS, Y, control=True, seeds=2, folder=folder)
    assert ran == ["000-input-labels-1"]
    assert [row.bits for row in again] == [row.bits for row in table]
    with pytest.raises(MdlcodecError, match="of other data, settings or versions"):
        mdlcodec.probe(LAYERS, (Y + 1) % 3, seeds=2, folder=folder)


def test_tables_of_probes_print_and_draw(probed):
    table = probed[0]
    lines = str(table).splitlines()
    assert lines[0].split()[:3] == ["layer", "features", "bits"]
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert "<pre>" in table._repr_html_()
    with pytest.raises(KeyError):
        table["none"]
    pytest.importorskip("matplotlib")
    assert table.plot().axes[0].get_ylabel() == "codelength, kbit"
    assert table.plot()._repr_png_().startswith(b"\x89PNG")  # notebooks draw it
    pytest.importorskip("pandas")
    assert table.to_pandas()["layer"].tolist() == list(LAYERS)


def test_control_labels_are_drawn_for_types():
    types = np.arange(120) // 4
    found = drawn(Y, types, 0)
    assert (found.reshape(30, 4) == found.reshape(30, 4)[:, :1]).all()
    assert (found == drawn(Y, types, 0)).all()
    assert (found != drawn(Y, types, 1)).any()
    alone = drawn(Y, np.arange(120), 0)
    assert (np.bincount(alone) == np.bincount(Y)).all()
    table = mdlcodec.probe([("words", LAYERS["input"])], Y, control=[f"word {t}" for t in types], preset=1)
    assert table["words"].control_bits is not None


BAD = {
    "no layers": ({}, Y, {}, "there are no layers"),
    "names that repeat": (
        [("a", LAYERS["input"]), ("a", LAYERS["input"])],
        Y,
        {},
        "two layers are called 'a'",
    ),
    "unequal n": (
        {"a": LAYERS["input"], "b": LAYERS["input"][1:]},
        Y,
        {},
        "has 119 examples and layer 'a' 120",
    ),
    "labels of another n": ({"a": LAYERS["input"]}, Y[1:], {}, "y has shape"),
    "constant": ({"a": LAYERS["input"]}, np.zeros(120), {}, "y is constant"),
    "NaN": ({"a": LAYERS["input"]}, np.where(Y == 0, np.nan, 1.0 * Y), {}, "y has NaN"),
    "text": ({"a": np.array(["x"] * 120)}, Y, {}, "give numbers"),
    "no pairs": ([LAYERS["input"]], Y, {}, "dict of representations by name"),
    "no name": ({"": LAYERS["input"]}, Y, {}, "dict of representations by name"),
    "seeds": ({"a": LAYERS["input"]}, Y, {"seeds": 0}, "seeds is 0"),
    "workers": ({"a": LAYERS["input"]}, Y, {"workers": 0}, "workers is 0"),
    "preset": ({"a": LAYERS["input"]}, Y, {"preset": 11}, "no preset 11"),
    "types of another n": ({"a": LAYERS["input"]}, Y, {"control": [1, 2]}, "y has shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_probed_is_refused_before_anything_is_trained(name, monkeypatch):
    def run(*_):
        raise AssertionError("something was trained")

    monkeypatch.setattr("mdlcodec.studies.probing.run_side_by_side", run)
    layers, y, options, message = BAD[name]
    with pytest.raises(BadData, match=message) as error:
        mdlcodec.probe(layers, y, **options)
    assert len(str(error.value).splitlines()) == 1


def test_a_failure_ends_the_others_and_says_which(tmp_path):
    np.savez(tmp_path / "good.npz", x=LAYERS["input"], y=Y)
    ended: list[str] = []

    def job(name: str) -> Job:
        paths = {"data": str(tmp_path / f"{name}.npz"), "file": str(tmp_path / f"{name}.mdl")}
        task = paths | {"of": "probes", "preset": 1, "seed": 0}
        return Job(name, lambda: task, lambda: ended.append(name))

    with pytest.raises(MdlcodecError, match=r"^missing: there is no file"):
        list(run_side_by_side([job("missing"), job("good")], 1))
    assert "missing" in ended
    assert [made.name for made, _ in run_side_by_side([job("good")], 2)] == ["good"]


def test_no_file_is_decoded_by_the_process_that_encoded_it(tmp_path, monkeypatch):
    asked: list[tuple[int, str, str]] = []

    class Asked:
        def __init__(self, threads):
            self.number = len(made)
            made.append(self)

        def begin(self):
            pass

        def ask(self, task, tell):
            asked.append((self.number, task["do"], task["file"]))
            return {task["do"]: 1}

        def end(self):
            pass

    made: list[Asked] = []
    monkeypatch.setattr("mdlcodec.studies.jobs._Worker", Asked)
    jobs = [Job(f"{i}", lambda i=i: {"file": f"{i}"}, lambda: None) for i in range(9)]
    for workers in (1, 2, 5):
        asked.clear()
        made.clear()
        found = dict(run_side_by_side(jobs, workers))
        assert len(made) == max(2, workers)
        assert all(known == {"encode": 1, "decode": 1} for known in found.values())
        who = {(file, do): number for number, do, file in asked}
        assert len(who) == 18
        assert all(who[f"{i}", "encode"] != who[f"{i}", "decode"] for i in range(9))
        if workers == 1:  # each is decoded before the next one is encoded, so that none is lost
            assert [(do, file) for _, do, file in asked] == [
                (do, f"{i}") for i in range(9) for do in ("encode", "decode")
            ]


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
def test_a_study_that_was_killed_goes_on(tmp_path):
    script = tmp_path / "study.py"
    script.write_text(
        "import mdlcodec, numpy as np\n"
        "x = np.random.default_rng(0).normal(size=(400, 5))\n"
        "y = (x[:, 0] > 0).astype(int)\n"
        f"t = mdlcodec.probe({{'a': x, 'b': x[:, :1]}}, y, seeds=2, folder={str(tmp_path / 'kept')!r})\n"
        "print([row.bits_by_seed for row in t])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(mdlcodec.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, str(script)], env=environment, start_new_session=True)
    for _ in range(600):
        if len(list((tmp_path / "kept").glob("*.json"))) >= 1 or process.poll() is not None:
            break
        time.sleep(0.1)
    with_records = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("*.json")}
    assert with_records
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    assert "(" in done.stdout
    for name, time_before in with_records.items():
        assert (tmp_path / "kept" / name).stat().st_mtime_ns == time_before
    assert len(list((tmp_path / "kept").glob("*.json"))) == 4
    assert len(list((tmp_path / "kept").glob("*.mdl"))) == 4


# the preset


def test_the_preset_of_probes_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", x=LAYERS["input"], y=Y)
    np.savez("images.npz", x=np.zeros((20, 4, 4), np.uint8), y=np.arange(20) % 2)
    np.savez("reals.npz", x=np.arange(60.0), y=np.arange(60) / 7.0)

    def run(*arguments: str, exit_code: int = 0) -> Result:
        told = CliRunner().invoke(main, arguments)
        assert told.exit_code == exit_code, told.stderr
        return told

    for options, code, net in (
        ((), "switching", "several"),
        (("--net", "mlp"), "prequential", "mlp"),
        (("--code", "prequential"), "prequential", "kernel"),
    ):
        told = json.loads(run("encode", "x.npz", "--probe", *options, "-f", "--json", "--quiet").stdout)
        assert (told["preset"], told["code"], told["net"], told["verified"]) == (10, code, net, True)
    for arguments, message in (
        (("images.npz",), "probes are of columns"),
        (("reals.npz",), "probes are of classes"),
        (("x.npz", "--code", "two-part"), "preset of probes is for"),
        (("x.npz", "--net", "lenet-300-100"), "preset of probes is for"),
    ):
        assert message in run("encode", *arguments, "--probe", "-f", exit_code=2).stderr
    with pytest.raises(BadData, match="no preset 11"):
        mdlcodec.encode(LAYERS["input"], Y, preset=11)


def test_files_of_probes_are_of_what_learns_classes():
    blob = mdlcodec.encode(LAYERS["input"], Y, preset=10)
    assert mdlcodec.inspect(blob)["preset"] == 10
    assert _PROBE_PRESET == PROBE_PRESET
    kind, body = read_frame(blob)
    assert body[0] == 0x6A
    for first in (0x0A, 0x2A, 0x5A, 0x1A):  # other codes; the prequential one names no network here
        with pytest.raises(Unsupported):
            mdlcodec.inspect(write_frame(kind, bytes([first]) + body[1:]))


# scikit-learn


def test_a_scorer_of_codelengths():
    x, y = LAYERS["layer 1/ReLU"], Y
    found = cross_validate(PCA(2), x, y, scoring=CodelengthScorer(preset=1), cv=2)["test_score"]
    assert found.shape == (2,)
    assert (found < 0).all()
    classified = make_pipeline(PCA(2), LogisticRegression()).fit(x, y)
    scorer = CodelengthScorer(code="uniform")
    blob = mdlcodec.encode(classified[:-1].transform(x), y, code="uniform")
    assert scorer(classified, x, y) == -8 * len(blob) / 120
    assert (
        scorer(LogisticRegression().fit(x, y), x, y) == -8 * len(mdlcodec.encode(x, y, code="uniform")) / 120
    )
    assert repr(scorer) == "CodelengthScorer(code='uniform')"
    assert scorer == CodelengthScorer(code="uniform") != CodelengthScorer()
    with pytest.raises(BadData, match="give y"):
        scorer(classified, x)
