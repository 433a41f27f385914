"""The curves behind the figures, and bench/figures.py, which draws them."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mdlcodec.files.curves import Curve

N = 80
RNG = np.random.default_rng(2)
Y = RNG.permutation(np.arange(N) % 3)
X = RNG.normal(size=(N, 2)) + 3.0 * Y[:, None]


def test_packs_grow_and_lose_nothing() -> None:
    curve = Curve(np.arange(1, 101), np.arange(1, 101) * 0.5, np.arange(1, 101) - np.arange(1, 101) // 2)
    packs = curve.in_packs(growth=2.0, smallest=10)
    assert packs.labels.tolist() == [10, 20, 40, 80, 100]
    assert packs.bits_a_label().tolist() == [0.5] * 5
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
    monkeypatch.setattr(figures, "label_files", None)  # what is known is not run again
    assert drawn(figures, "2", "--curves", "kernel", "switching").keys() == {
        "kernel",
        "kernel:20",
        "switching",
    }
    with pytest.raises(AttributeError):
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
