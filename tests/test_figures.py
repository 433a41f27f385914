"""The curves behind the figures, and bench/figures.py, which draws them."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mdlcodec import data
from mdlcodec.errors import BadData, LimitExceeded
from mdlcodec.files import labels
from mdlcodec.limits import Limits
from mdlcodec.report.curves import Curve, prequential_curve

N = 80
RNG = np.random.default_rng(2)
Y = RNG.permutation(np.arange(N) % 3)
X = RNG.normal(size=(N, 2)) + 3.0 * Y[:, None]
DATASET = data.from_arrays(X, Y)


@pytest.mark.parametrize(("code", "net"), [("prequential", "kernel"), ("switching", "auto")])
def test_a_curve_ends_at_what_the_file_takes(code: str, net: str) -> None:
    told: list[tuple[int, float]] = []
    curve = prequential_curve(
        DATASET, code=code, net=net, preset=1, seed=3, say=lambda done, bits: told.append((done, bits))
    )
    _, run = labels.encode(DATASET, code=code, net=net, preset=1, seed=3)
    assert curve.bits[-1] == pytest.approx(run.ideal_bits)
    assert curve.samples.tolist() == list(range(1, N + 1))
    assert told[-1] == (N, pytest.approx(run.ideal_bits))
    assert (np.diff(curve.bits) > 0).all()
    assert set(np.diff(curve.right)) == {0, 1}
    assert curve.right[-1] > 60


def test_a_curve_that_cannot_be() -> None:
    with pytest.raises(BadData, match="--code uniform does not learn"):
        prequential_curve(DATASET, code="uniform", preset=1)
    with pytest.raises(BadData, match="needs images"):
        prequential_curve(DATASET, net="cnn", preset=1)
    with pytest.raises(LimitExceeded, match="more than the limit of"):
        prequential_curve(DATASET, net="mlp", preset=1, limits=Limits(memory=1000))


def test_packs_grow_and_lose_nothing() -> None:
    curve = Curve(np.arange(1, 101), np.arange(1, 101) * 0.5, np.arange(1, 101) // 2)
    packs = curve.in_packs(growth=2.0, smallest=10)
    assert packs.samples.tolist() == [10, 20, 40, 80, 100]
    assert packs.bits_per_sample().tolist() == [0.5] * 5
    assert packs.accuracy().tolist() == [0.5] * 5


@pytest.fixture()
def figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "bench"))
    monkeypatch.chdir(tmp_path)
    np.savez("tiny.npz", x=X, y=Y)
    import figures

    return figures


def drawn(figures: ModuleType, number: str, *more: str) -> dict[str, dict[str, list[float]]]:
    figures.main([number, "--data", "tiny.npz", "--preset", "1", "-o", f"figure_{number}", *more])
    assert Path(f"figure_{number}.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(Path(f"figure_{number}.json").read_text())
    assert (found["settings"]["labels"], found["settings"]["classes"]) == (N, 3)
    curves = found["curves"]
    assert all(curve["machine"]["processor"] and curve["versions"]["torch"] for curve in curves.values())
    assert isinstance(curves, dict)
    return curves


def test_figures_2_and_3(figures: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    curves = drawn(figures, "2", "--curves", "kernel", "kernel:20")
    assert [curve["samples"][-1] for curve in curves.values()] == [N, 20]
    assert drawn(figures, "2", "--curves", "switching").keys() == {"kernel", "kernel:20", "switching"}
    monkeypatch.setattr(figures, "prequential_curve", None)  # what is known is not run again
    assert drawn(figures, "2", "--curves", "kernel", "switching").keys() == {
        "kernel",
        "kernel:20",
        "switching",
    }
    with pytest.raises(TypeError):
        drawn(figures, "2", "--curves", "kernel", "--seed", "1")
    monkeypatch.undo()


def test_figure_1(figures: ModuleType) -> None:
    curves = drawn(figures, "1")
    assert list(curves) == ["true labels", "fake labels"]
    named = drawn(figures, "1", "--curves", "true labels, mlp-4-3")["true labels, mlp-4-3"]
    assert (named["net"], curves["true labels"]["net"]) == ("mlp-4-3", "narrow-mlp")
    for curve in curves.values():
        length = np.array(curve["divergence_bits"]) + np.array(curve["loss_bits"])
        assert curve["steps"][0] == 0
        assert len(curve["steps"]) == len(length) > 50
        assert length[-1] < length[0]
    true, fake = curves.values()
    assert true["divergence_bits"][0] == fake["divergence_bits"][0]
    assert true["loss_bits"][-1] < fake["loss_bits"][-1]
