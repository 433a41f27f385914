"""The information plane: exact training watched, and what studies of it are refused."""

import hashlib
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import BadData, MdlcodecError
from mdlcodec.nn.graph import Builder
from mdlcodec.nn.nodes import Linear, Normalisation, Rectify
from mdlcodec.report.strict_json import strict_json
from mdlcodec.studies import plane, plane_of_activations
from mdlcodec.studies.information_plane.checkpoints import checkpoints
from mdlcodec.studies.information_plane.examples import Problem, examples_of
from mdlcodec.studies.information_plane.networks import TruncatedLinear
from mdlcodec.studies.information_plane.run import recipe_of
from mdlcodec.studies.information_plane.symmetric import symmetric
from mdlcodec.studies.information_plane.training import Course, facts
from mdlcodec.studies.tasks import TASKS

TINY = {"net": "6-4", "epochs": 3, "seeds": 1, "checkpoints": 2, "batch": 256}


@pytest.fixture
def in_this_process(monkeypatch):
    """Tasks are done here, one after another: what workers do, without starting any. The names of the
    jobs."""
    done: list[str] = []

    def run(jobs, workers, *, one_thread=False, tell=lambda text: None):
        for job in jobs:
            task = job.begin()
            module = TASKS[task["of"]]
            done.append(job.name)
            yield job, module.encode(task) | module.decode(task)

    monkeypatch.setattr("mdlcodec.studies.information_plane.work.run_side_by_side", run)
    return done


def test_the_symmetric_set():
    x, y = symmetric()
    assert x.shape == (4096, 12)
    assert x[1].tolist() == [0] * 11 + [1]
    assert y.sum() == 2118
    digest = hashlib.sha256(np.packbits(y).tobytes()).hexdigest()
    assert digest == "371b2b46a5052b4f69f7991ca141fb5afa1ac364ef7beb81ec900eecac2f86d9"


def test_checkpoints_are_spaced_in_logarithms():
    assert checkpoints(1000, 4) == (0, 1, 10, 100, 1000)
    assert checkpoints(3, 9) == (0, 1, 2, 3)
    assert checkpoints(10**9, 2) == (0, 1, 10**9)
    with pytest.raises(BadData, match="2 or more"):
        checkpoints(10, 1)


def test_weights_start_as_truncated_normals():
    from mdlcodec.exact.random import Stream

    weights, bias = TruncatedLinear(200).initial(Stream(0, 1), (25,))
    assert weights.shape == (200, 25)
    assert not bias.any()
    scaled = weights * 5
    assert np.abs(scaled).max() <= 2.0
    # a normal of deviation 1 cut off at 2 deviations has the deviation 0.8796
    assert abs(scaled.std() - 0.8796) < 0.02
    assert abs(scaled.mean()) < 0.03


def test_the_same_for_two_engines_and_two_threads(tmp_path, in_this_process, monkeypatch):
    threads, told = torch.get_num_threads(), []
    try:
        for number, (engine, count) in enumerate((("int16", 1), ("float64", 1), ("int16", 2))):
            monkeypatch.setenv("MDLCODEC_ENGINE", engine)
            torch.set_num_threads(count)
            ways = TINY | {"checkpoints": 2, "net": "4", "epochs": 1, "control": ["full-batch"]}
            found = plane("symmetric", **ways, folder=tmp_path / str(number))
            told.append(strict_json(found.facts()))
    finally:
        torch.set_num_threads(threads)
    assert told[0] == told[1] == told[2]
    # the digest of the weights at the last step, on every machine
    assert found.of("", 0)[-1].digest[:16] == LAST
    assert found.moments[0].step == 0
    assert {moment.control for moment in found.moments} == {"", "full-batch"}
    full = found.of("full-batch", 0)
    assert full[-1].step == 1
    assert full[0].digest == found.of("", 0)[0].digest


LAST = "6116e7113328d9bd"


def test_a_study_goes_on_and_its_files_prove_what_it_says(tmp_path, in_this_process):
    ways = TINY | {"control": ["random-labels"], "estimate": ["authors", "32 bins", "by file"]}
    found = plane("symmetric", **ways, folder=tmp_path)
    assert in_this_process[:2] == ["seed-0", "random-labels-seed-0"]
    steps = found.steps[""]
    assert len(in_this_process) == 2 + 2 * len(steps)
    # a file is of the labels that were not trained on, given the activations
    path = next(p for p in found.paths if (p.control, p.layer, p.estimator) == ("", "output", "by file"))
    record = json.loads((tmp_path / "seed-0" / f"estimates-{steps[-1]:08d}.json").read_text())
    assert record["decoded"] == 3
    with zipfile.ZipFile(tmp_path / "seed-0" / f"estimates-{steps[-1]:08d}.zip") as files:
        blob = files.read("002.mdl")
    problem = Problem.of("symmetric", None, None, None)
    examples = examples_of(problem, "")
    course = Course(recipe_of({name: record[name] for name in FIELDS}), examples)
    for _ in course.advance(steps[-1]):
        pass
    t = course.activations(examples.x_measured)["output"][examples.sample]
    labels = mdlcodec.decode(blob, t)
    assert (labels == problem.y_test).all()
    shares = np.bincount(labels) / len(labels)
    expected = -(shares * np.log2(shares)).sum() - 8 * len(blob) / len(labels)
    assert path.iyt[-1] == pytest.approx(expected, abs=1e-8)
    assert path.ixt is None
    assert path.n == len(labels) == 820
    # nothing is known of random labels, whatever bins say
    for path in found.paths:
        if path.control and path.estimator == "by file":
            assert max(path.iyt) <= 0
    assert found.mean("random-labels", "layer1", "32 bins")[1][-1] > 0.3
    # finished checkpoints are not made again; a lost one and those after it are
    in_this_process.clear()
    assert plane("symmetric", **ways, folder=tmp_path) == found
    assert in_this_process == []
    last = tmp_path / "seed-0" / f"step-{steps[-1]:08d}.npz"
    last.unlink()
    (tmp_path / "seed-0" / "digests.txt").unlink()
    (tmp_path / "seed-0" / "digests.json").unlink()
    (tmp_path / "seed-0" / f"step-{steps[-1]:08d}.json").unlink()
    assert plane("symmetric", **ways, folder=tmp_path) == found
    assert in_this_process == ["seed-0"]
    assert last.exists()
    with pytest.raises(MdlcodecError, match="another folder"):
        plane("symmetric", **(ways | {"rate": 0.5}), folder=tmp_path)


FIELDS = ("net", "activation", "optimiser", "rate", "batch", "full_batch", "steps", "seed", "classes")


def test_activations_of_a_plain_loop_get_the_same_estimates(tmp_path, in_this_process):
    names = ["authors", "8 bins", "quantiles", "kernels, upper", "noisy network"]
    ways = TINY | {"estimate": names, "activation": "relu", "variance": 0.1}
    found = plane("symmetric", **ways, folder=tmp_path / "own")
    record = json.loads((tmp_path / "own" / "seed-0" / "step-00000000.json").read_text())
    examples = examples_of(Problem.of("symmetric", None, None, None), "")
    trained = np.ones(len(examples.x_measured), bool)
    trained[examples.sample] = False
    arrays = {"y": examples.y_measured, "trained": trained}
    for step in found.steps[""]:
        # the same network as torch has it, with the weights of the checkpoint
        with np.load(tmp_path / "own" / "seed-0" / f"step-{step:08d}.npz") as held:
            state = torch.from_numpy(held["network/state"])
        h, at = torch.from_numpy(examples.x_measured), 0
        for number, (width, size) in enumerate(((6, 12), (4, 6), (2, 4)), 1):
            w, at = state[at : at + width * size].reshape(width, size), at + width * size
            h, at = h @ w.T + state[at : at + width], at + width
            h = torch.softmax(h, 1) if number == 3 else torch.relu(h)
            arrays[f"{'output' if number == 3 else f'layer{number}'}/{step}"] = h.numpy()
    np.savez(tmp_path / "torch.npz", **arrays)
    other = plane_of_activations(tmp_path / "torch.npz", estimate=names)
    assert record["extents"].keys() == set(other.layers)
    for own, theirs in zip(found.paths, other.paths, strict=True):
        assert (own.layer, own.estimator, own.n) == (theirs.layer, theirs.estimator, theirs.n)
        # products of float32 differ in the last places: a value may fall into the next bin
        near = {"kernels, upper": 4e-3, "noisy network": 4e-3}.get(own.estimator, 3e-2)
        assert np.allclose(own.iyt, theirs.iyt, atol=near)
        assert own.ixt is None or np.allclose(own.ixt, theirs.ixt, atol=near)
    # and of the very same activations exactly the same
    exact = {"y": examples.y_measured, "trained": trained}
    course = Course(recipe_of({name: record[name] for name in FIELDS}), examples)
    for step in found.steps[""]:
        for _ in course.advance(step):
            pass
        exact |= {f"{name}/{step}": a for name, a in course.activations(examples.x_measured).items()}
    np.savez(tmp_path / "exact.npz", **exact)
    again = plane_of_activations(tmp_path / "exact.npz", estimate=names)
    assert [(p.ixt, p.iyt, p.once) for p in again.paths] == [(p.ixt, p.iyt, p.once) for p in found.paths]


@pytest.mark.parametrize("optimiser", ["momentum", "adam"])
def test_optimisers_learn(optimiser):
    problem = Problem.of("symmetric", None, None, None)
    told = {"net": "8", "activation": "tanh", "optimiser": optimiser, "rate": 0.02, "batch": 128}
    recipe = recipe_of(told | {"full_batch": False, "steps": [0, 200], "seed": 0, "classes": 2})
    course = Course(recipe, examples_of(problem, ""))
    losses = list(course.advance(200))
    assert np.mean(losses[-20:]) < 0.5 < np.mean(losses[:5])
    saved, digest = course.saved(), course.digest
    other = Course(recipe, examples_of(problem, ""))
    other.restore({name: array.copy() for name, array in saved.items()})
    assert other.digest == digest
    assert list(other.advance(210)) == list(course.advance(210))


def test_signal_to_noise_changes_nothing(tmp_path):
    problem = Problem.of(np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 2, None, None)
    told = {"net": "3", "activation": "tanh", "optimiser": "sgd", "rate": 0.1, "batch": 8}
    recipe = recipe_of(told | {"full_batch": False, "steps": [0, 5], "seed": 3, "classes": 2})
    watched, alone = (Course(recipe, examples_of(problem, "")) for _ in range(2))
    for _ in range(5):
        mean, deviation = watched.gradients()
        assert mean.shape == deviation.shape
        assert (deviation >= 0).all()
        list(watched.advance(watched.step + 1))
        list(alone.advance(alone.step + 1))
    assert watched.digest == alone.digest


def test_running_statistics_before_the_first_step():
    """Those of a batch stand for them; training takes no notice."""
    net = Builder()
    net(Linear(5), name="fc1")
    net(Normalisation(), name="norm")
    net(Rectify(), name="relu")
    net(Linear(), name="fc2")
    mdlcodec.register(net.graph(), name="plane-normalised")
    problem = Problem.of(X, Y, None, None)
    told = {"net": "plane-normalised", "activation": "tanh", "optimiser": "sgd", "rate": 0.1, "batch": 8}
    recipe = recipe_of(told | {"full_batch": False, "steps": [0, 3], "seed": 0, "classes": 2})
    watched, alone = (Course(recipe, examples_of(problem, "")) for _ in range(2))
    found = facts(watched, examples_of(problem, ""), watched.matrices(), True)
    assert 0.3 < found["test_loss"] < 3.0
    assert found["extents"]["relu"][1] > 0.5
    assert found["digest"] == alone.digest
    assert list(watched.advance(3)) == list(alone.advance(3))
    assert watched.digest == alone.digest != found["digest"]


X, Y = np.random.default_rng(1).normal(size=(40, 3)), np.arange(40) % 2


@pytest.mark.parametrize(
    ("x", "y", "change", "text"),
    [
        (X, np.zeros(40, int), {}, "constant"),
        (np.where(np.arange(120).reshape(40, 3) == 7, np.nan, X), Y, {}, "NaN or infinite"),
        (X, None, {}, "no labels y"),
        ("digits", None, {}, "no data set named 'digits'"),
        (X, Y, {"net": "100000"}, "100,000 units"),
        (X, Y, {"net": "nothing"}, "no network named"),
        (X, Y, {"activation": "gelu"}, "no activation 'gelu'"),
        (X, Y, {"optimiser": "lbfgs"}, "no optimiser 'lbfgs'"),
        (X, Y, {"control": ["none"]}, "no control 'none'"),
        (X, Y, {"estimate": ["mine"]}, "no estimator 'mine'"),
        (X, Y, {"rate": -1.0}, "rate is -1.0"),
        (X, Y, {"beta": float("nan")}, "beta is nan"),
        (X, Y, {"seeds": 0}, "seeds is 0"),
        (X, Y, {"batch": 0}, "batch is 0"),
        (X, Y, {"checkpoints": 1}, "2 or more"),
        (X, np.repeat([0, 1], [35, 5])[::-1], {}, "one class"),
    ],
)
def test_what_cannot_be_studied(x, y, change, text, tmp_path):
    with pytest.raises(BadData, match=text) as error:
        plane(x, y, **({"net": "4"} | change), folder=tmp_path / "new")
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"a/1": X}, "no array y"),
        ({"y": np.zeros(40), "a/1": X}, "constant"),
        ({"y": Y, "a/1": X, "b/1": X[:39]}, "39 rows and y 40"),
        ({"y": Y, "a/1": np.full((40, 3), np.inf)}, "NaN or infinite"),
        ({"y": Y, "a/1": np.full((40, 3), 1e300)}, "NaN or infinite"),
        ({"y": Y, "a/1": np.zeros((40, 100_000), np.int8)}, "100,000 units"),
        ({"y": Y, "a/1": X, "b/2": X}, "other checkpoints"),
        ({"y": Y, "a/1": X, "a/2": X[:, :2]}, "number of units"),
        ({"y": Y, "a/x": X}, "LAYER/CHECKPOINT"),
        ({"y": Y, "a/1": X, "trained": np.ones(40, bool)}, "not trained on"),
        ({"y": Y, "a/1": X, "trained": np.ones(3, bool)}, "trained has shape"),
    ],
)
def test_activations_that_cannot_be_studied(arrays, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **arrays)
    told = CliRunner().invoke(main, ["study", "plane", "a.npz"])
    assert told.exit_code == 2, told.output
    assert text in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["a.npz"]


def test_the_command(tmp_path, monkeypatch, in_this_process):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **{"y": Y, "fc/0": np.tanh(X), "fc/5": np.tanh(2 * X)})
    command = [
        "study",
        "plane",
        "a.npz",
        "--estimator",
        "8 bins",
        "--estimator",
        "by file",
        "--json",
        "--plot",
        "plane.png",
    ]
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["layers"] == ["fc"]
    assert facts["paths"][0]["n"] == 40
    assert facts["settings"]["trained_stated"] is False
    assert "last checkpoint" in told.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "a.plane", "plane.png"}
    assert {path.name for path in (tmp_path / "a.plane").iterdir()} >= {
        "plane.json",
        "plane.png",
        "index.html",
    }
    told = CliRunner().invoke(main, ["study", "plane", "symmetric", "--control", "none", "-o", "new"])
    assert told.exit_code == 2
    assert "no control" in told.stderr
    assert not (tmp_path / "new").exists()
