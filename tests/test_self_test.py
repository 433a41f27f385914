"""An engine that computes wrongly, or cannot be made, is replaced by float64 with one warning and no other byte."""

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.errors import InexactComputation
from mdlcodec.exact import choice
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.products import Float64Products, Int8Products
from mdlcodec.exact.engines import ENGINES, _Engines, int8
from mdlcodec.exact.engines.float64 import Float64Matrices
from mdlcodec.exact.engines.matrix import MatrixEngine
from mdlcodec.exact.engines.self_test import problem_of

X = np.random.Generator(np.random.Philox(1)).normal(size=(24, 3))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Every choice is made anew, as in a new process."""
    monkeypatch.delenv("MDLCODEC_ENGINE", raising=False)
    choice._on_cpu.cache_clear()
    choice._on_device.cache_clear()
    yield
    choice._on_cpu.cache_clear()
    choice._on_device.cache_clear()


class _Broken:
    """An engine of which one result has one value that is off by one in the last place."""

    def __init__(self, engine, result, place=-1):
        self._engine, self._result, self._place = engine, result, place
        self.name, self.longest_sum = engine.name, getattr(engine, "longest_sum", 1 << 12)

    def _off(self, results):
        results = list(results)
        if results[self._result] is not None:
            flat = results[self._result].reshape(-1)
            flat[self._place] = np.nextafter(flat[self._place], np.float32(np.inf))
        return tuple(results)

    def forward(self, *arguments):
        y, saved = self._engine.forward(*arguments)
        return (self._off((None, None, None, y))[3] if self._result == 3 else y), saved

    def backward(self, *arguments):
        results = self._engine.backward(*arguments)
        return self._off(results) if self._result < 3 else results

    def columns(self, integers):
        return self._engine.columns(integers)

    def multiply(self, *arguments):
        y = self._engine.multiply(*arguments)
        return self._off((None,) * self._result + (y,))[self._result] if self._result == 4 else y


@pytest.mark.parametrize("name", ENGINES)
def test_the_engines_pass_in_milliseconds(name):
    assert problem_of(ENGINES[name]) is None
    start = time.perf_counter()
    assert problem_of(ENGINES[name]) is None
    assert time.perf_counter() - start < 1.0  # 6 ms at best, on a machine that is free


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("result", "what"), [(0, "input gradient"), (1, "weight gradient"), (2, "bias gradient"), (3, "outputs")]
)
def test_one_unit_in_the_last_place_is_seen(name, result, what):
    assert f"{what} of its self-test's convolution" in problem_of(_Broken(ENGINES[name], result))


@pytest.mark.parametrize("name", ENGINES)
def test_one_unit_in_the_last_place_of_a_matrix_is_seen(name):
    assert "products of its self-test's matrices of 6 terms" in problem_of(_Broken(ENGINES[name], 4))


class _Saturating(Float64Matrices):
    """Sums that stop at int32's largest number, as an engine's would that does not split them."""

    def product(self, a, b, scales):
        sums = np.clip(a[0] @ b[0].T, -(2.0**31), 2.0**31 - 1)
        return (sums * scales[:, None] + 0.0).astype(np.float32)


def test_sums_beyond_32_bits_are_seen():
    assert "long sum" in problem_of(MatrixEngine(_Saturating()))


def test_digits_beyond_64_that_saturate_are_seen(monkeypatch):
    """On processors without VNNI, torch._int_mm adds pairs of products in 16 bits, one operand moved by 128."""
    real = int8._int_mm

    def saturating(a, b):
        if a.shape[1] > 5000:
            return real(a, b)
        a, b = (np.concatenate([m, m[:, -1:] * 0], 1).astype(np.int32) for m in (a, b.T))
        k = a.shape[1] // 2 * 2  # an odd last term has a zero beside it
        pairs = np.einsum(
            "mkp,nkp->mnk", (a[:, :k] + 128).reshape(len(a), -1, 2), b[:, :k].reshape(len(b), -1, 2)
        )
        return (np.clip(pairs, -32768, 32767).sum(2) - 128 * b[:, :k].sum(1)).astype(np.int32)

    def unsigned_lower_digits(integers, upper, lower):
        upper[:], lower[:] = integers >> 7, integers & 127

    for products, digits, works in (
        (saturating, int8._split, True),
        (real, unsigned_lower_digits, True),
        (saturating, unsigned_lower_digits, False),
    ):
        monkeypatch.setattr(int8, "_int_mm", products)
        monkeypatch.setattr(int8, "_split", digits)
        assert (problem_of(ENGINES["int8"]) is None) == works


def _encoded():
    return mdlcodec.encode(X, Y, net="mlp", preset=1)


def test_a_wrong_engine_is_replaced(monkeypatch):
    expected = _encoded()
    choice._on_cpu.cache_clear()
    monkeypatch.setitem(ENGINES._made, "int16", _Broken(ENGINES["int16"], 1))
    with pytest.warns(RuntimeWarning, match="the int16 engine does not work") as seen:
        assert _encoded() == expected
    assert len(seen) == 1
    assert "\n" not in str(seen[0].message)
    assert choice.chosen_arithmetic().engine is ENGINES["float64"]
    assert choice.description() == "engine float64, device cpu"


def test_a_wrong_engine_that_was_forced_is_replaced(monkeypatch):
    monkeypatch.setenv("MDLCODEC_ENGINE", "int8")
    monkeypatch.setitem(ENGINES._made, "int8", _Broken(ENGINES["int8"], 3))
    with pytest.warns(RuntimeWarning, match="the int8 engine does not work .* computing with float64"):
        assert choice.chosen_arithmetic().engine.name == "float64"


def test_an_engine_that_cannot_be_made_is_replaced(monkeypatch):
    def fail():
        raise ImportError("no intrinsic\nfor this machine")

    monkeypatch.setattr("mdlcodec.exact.engines._MAKERS", {**_makers(), "int16": fail})
    monkeypatch.setattr("mdlcodec.exact.engines.ENGINES", _Engines())
    with pytest.warns(RuntimeWarning, match=r"\(ImportError: no intrinsic for this machine\)"):
        assert choice.chosen_arithmetic().engine.name == "float64"


def _makers():
    from mdlcodec.exact import engines

    return engines._MAKERS


def test_when_nothing_works_nothing_is_computed(monkeypatch):
    for name in ("int16", "float64"):
        monkeypatch.setitem(ENGINES._made, name, _Broken(ENGINES[name], 1))
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(InexactComputation, match="no engine works on this machine"),
    ):
        choice.chosen_arithmetic()


def test_the_command_line_warns_in_one_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=X, y=Y)
    monkeypatch.setitem(ENGINES._made, "int16", _Broken(ENGINES["int16"], 3))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = CliRunner().invoke(main, ["encode", "data.npz", "--net", "mlp", "-1", "--no-verify", "-v"])
    assert result.exit_code == 0, result.output
    warned = [line for line in result.stderr.splitlines() if line.startswith("mdlcodec: warning: ")]
    assert len(warned) == 1
    assert "the int16 engine does not work on this machine" in warned[0]
    assert "; engine float64, device cpu" in result.stderr
    assert Path("data.mdl").read_bytes() == mdlcodec.encode(X, Y, net="mlp", preset=1)


@pytest.mark.parametrize("products", [Float64Products(), Int8Products(worth_digits=0)])
def test_a_wrong_device_is_seen(products, monkeypatch):
    engine = DeviceEngine(torch.device("cpu"), products)
    assert problem_of(engine) is None
    real = type(products).multiply
    monkeypatch.setattr(type(products), "multiply", lambda *arguments: real(*arguments) + 1.0)
    assert problem_of(engine) is not None


def test_a_device_whose_digits_fail_multiplies_in_float64(monkeypatch):
    def refuse(a, b):
        raise RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED")

    monkeypatch.setattr(torch, "_int_mm", refuse)
    with pytest.warns(RuntimeWarning, match=r"the cpu \(int8\) engine does not work .* with cpu \(float64\)"):
        arithmetic = choice._on_device("cpu")()
    assert arithmetic.engine.products.name == "float64"


def test_a_device_that_fails_leaves_the_work_to_the_cpu(monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(DeviceEngine, "forward", refuse)
    with pytest.warns(RuntimeWarning) as seen:
        arithmetic = choice._on_device("cpu")()
    assert len(seen) == 2
    assert arithmetic.engine is ENGINES["float64"]
