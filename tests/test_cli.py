"""The command line when all is well: what it writes, prints and leaves alone."""

import gzip
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import mdlcodec
from mdlcodec.cli import main, verification
from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.errors import MdlcodecError
from mdlcodec.limits import Limits

N, CLASSES = 60, ["ant", "bee", "cat"]
X = np.random.default_rng(1).normal(size=(N, 3))
Y = np.array([CLASSES[i % 3] for i in range(N)])
ENCODE = ["encode", "data.npz", "--code", "uniform", "--no-verify"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with inputs in several forms."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=X, y=Y)
    np.savez("inputs.npz", x=X)
    rows = [f"{a},{b},{c},{y}\n" for (a, b, c), y in zip(X, Y, strict=True)]
    Path("table.csv").write_text("a,b,c,kind\n" + "".join(rows))
    Path("no-target.csv").write_text("a,b,c\n" + "".join(row.rpartition(",")[0] + "\n" for row in rows))
    return tmp_path


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def test_encode_then_decode_gives_the_labels_back(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run(*ENCODE)
    assert result.stdout == ""
    assert re.fullmatch(
        r"data\.mdl: \d+ bytes \(.*% of uniform's 12\), labels' ideal 95\.1 bits; .*\n", result.stderr
    )
    result = run("decode", "data.mdl", "--inputs", "inputs.npz")
    assert result.stdout == ""
    assert result.stderr.startswith("data-labels.npy: 60 labels of 3 classes; ")
    labels = np.load("data-labels.npy")
    assert labels.dtype == Y.dtype
    assert np.array_equal(labels, Y)
    for name, content in before.items():
        assert (folder / name).read_bytes() == content
    assert {path.name for path in folder.iterdir()} == {*before, "data.mdl", "data-labels.npy"}


def test_a_fresh_process_verifies(folder: Path) -> None:
    result = run("encode", "data.npz", "--code", "uniform", "--json")
    facts = json.loads(result.stdout)
    assert facts["verified"] is True
    assert facts["verify_seconds"] > 0
    assert "verified in" in result.stderr
    assert {path.name for path in folder.iterdir() if path.suffix in (".mdl", ".tmp")} == {"data.mdl"}


def test_verification_imports_nothing_from_the_current_folder() -> None:
    for name in ("numpy", "click", "mdlcodec", "json"):
        Path(f"{name}.py").write_text("raise SystemExit('imported from the current folder')")
    run("encode", "data.npz", "--code", "uniform")


def test_verification_fails_when_other_labels_come_back(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("mdlcodec.files.labels.label_digest", lambda classes: b"\0\0\0\0")
    result = run("encode", "data.npz", "--code", "uniform", exit_code=1)
    assert result.stderr.startswith("mdlcodec: a fresh process could not decode the file: ")
    assert "their digests differ" in result.stderr
    assert not list(folder.glob("*.mdl"))
    assert not list(folder.glob(".*"))


def test_verification_from_a_clone_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "import sys; sys.exit('python: No module named mdlcodec')"
    monkeypatch.setattr("mdlcodec.cli.verification.fresh_python", lambda: [sys.executable, "-c", missing])
    result = run("encode", "data.npz", "-o", "new.mdl", "--code", "uniform", exit_code=1)
    assert "No module named mdlcodec; install it with pip install ., or use --no-verify" in result.stderr


def test_list_json_describes_the_file() -> None:
    run(*ENCODE, "--seed", "7", "-3")
    size = Path("data.mdl").stat().st_size
    facts = json.loads(run("list", "data.mdl", "--json").stdout)
    assert sum(part["bytes"] for part in facts.pop("sections")) == size
    assert facts == {
        "file": "data.mdl",
        "kind": "labels",
        "as": "classes",
        "bytes": size,
        "code": "uniform",
        "net": None,
        "labels": N,
        "classes": 3,
        "dtype": "U3",
        "form": "npy",
        "target": None,
        "preset": 3,
        "seed": 0,
        "uniform_bits": N * math.log2(3),
    }


def test_json_of_encode_and_test_has_what_list_has_and_more() -> None:
    encoded = json.loads(run(*ENCODE, "--json").stdout)
    listed = json.loads(run("list", "data.mdl", "--json").stdout)
    tested = json.loads(run("test", "data.mdl", "--json").stdout)
    decoded = json.loads(run("test", "data.mdl", "--json", "--inputs", "data.npz").stdout)
    for facts in (encoded, tested, decoded):
        assert {name: facts[name] for name in listed} == listed
    assert encoded["ideal_bits"] == pytest.approx(N * math.log2(3))
    assert encoded["seconds"] > 0
    assert (encoded["verified"], encoded["verify_seconds"]) == (False, None)
    assert (tested["decoded"], tested["ideal_bits"], tested["seconds"]) == (False, None, None)
    assert decoded["decoded"] is True
    assert decoded["ideal_bits"] == encoded["ideal_bits"]


def test_list_of_several_files_is_an_aligned_table_or_an_array() -> None:
    run(*ENCODE)
    run(*ENCODE, "-o", "first.mdl", "--limit", "9")
    result = run("list", "data.mdl", "first.mdl")
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["bytes", "uniform", "labels", "classes", "code", "net", "preset", "seed", "file"]
    assert [row.split()[2] for row in rows] == ["60", "9"]
    assert {row.index("uniform") for row in rows} == {head.index("code")}
    assert [facts["file"] for facts in json.loads(run("list", "data.mdl", "first.mdl", "--json").stdout)] == [
        "data.mdl",
        "first.mdl",
    ]
    sizes = run("list", "-v", "data.mdl").stdout.splitlines()[-1]
    assert sum(map(int, re.findall(r" (\d+)", sizes))) == Path("data.mdl").stat().st_size


def test_list_goes_on_after_a_file_that_is_none() -> None:
    run(*ENCODE)
    result = run("list", "table.csv", "data.mdl", exit_code=1)
    assert result.stderr == "mdlcodec: table.csv: not an mdlcodec file\n"
    assert result.stdout.splitlines()[-1].endswith("data.mdl")


def test_the_decoder_takes_the_first_inputs_by_itself() -> None:
    run("encode", "data.npz", "--code", "uniform", "--no-verify", "--limit", "7")
    run("decode", "data.mdl", "--inputs", "inputs.npz")
    assert np.array_equal(np.load("data-labels.npy"), Y[:7])


@pytest.mark.parametrize("inputs", ["table.csv", "no-target.csv"])
def test_a_table_decodes_with_and_without_its_target(inputs: str) -> None:
    run("encode", "table.csv", "--target", "kind", "--code", "uniform", "--no-verify")
    run("decode", "table.mdl", "--inputs", inputs)
    assert Path("table-labels.csv").read_text().splitlines() == ["kind", *Y]
    target = json.loads(run("list", "table.mdl", "--json").stdout)["target"]
    assert target == {"index": 3, "name": "kind"}


def test_target_may_be_negative() -> None:
    run("encode", "table.csv", "--target", "-2", "--code", "uniform", "--no-verify")
    assert json.loads(run("list", "table.mdl", "--json").stdout)["target"] == {"index": 2, "name": "c"}


def test_the_ending_of_the_output_chooses_the_form() -> None:
    np.savez("numbers.npz", x=X, y=np.arange(N, dtype=np.uint8) % 3)
    run("encode", "numbers.npz", "--code", "uniform", "--no-verify")
    for name in ("a.npy", "a.csv", "a-idx1-ubyte", "a-idx1-ubyte.gz"):
        run("decode", "numbers.mdl", "--inputs", "numbers.npz", "-o", name)
    assert np.array_equal(np.load("a.npy"), np.arange(N) % 3)
    assert Path("a.csv").read_text().split() == [str(i % 3) for i in range(N)]
    idx = bytes([0, 0, 8, 1, 0, 0, 0, N]) + bytes(i % 3 for i in range(N))
    assert Path("a-idx1-ubyte").read_bytes() == idx
    assert gzip.decompress(Path("a-idx1-ubyte.gz").read_bytes()) == idx


def test_idx_labels_come_back_as_they_were(folder: Path) -> None:
    (folder / "mnist").mkdir()
    idx = bytes([0, 0, 8, 1, 0, 0, 0, N]) + bytes(i % 3 for i in range(N))
    images = bytes([0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(range(4 * N))
    Path("mnist/train-images-idx3-ubyte").write_bytes(images)
    Path("mnist/train-labels-idx1-ubyte").write_bytes(idx)
    run("encode", "mnist", "--code", "uniform", "--no-verify")
    Path("mnist/train-labels-idx1-ubyte").unlink()
    run("decode", "mnist.mdl", "--inputs", "mnist")
    assert Path("mnist-labels-idx1-ubyte").read_bytes() == idx


def test_the_output_may_be_stdout() -> None:
    run(*ENCODE)
    assert run(*ENCODE, "-o", "-").stdout_bytes == Path("data.mdl").read_bytes()
    run("decode", "data.mdl", "--inputs", "data.npz")
    result = run("decode", "data.mdl", "--inputs", "data.npz", "-o", "-", "--quiet")
    assert result.stdout_bytes == Path("data-labels.npy").read_bytes()
    assert result.stderr == ""


def test_quiet_says_nothing_and_verbose_says_what_will_be_done() -> None:
    result = run(*ENCODE, "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    lines = run(*ENCODE, "-f", "-v").stderr.splitlines()
    assert re.fullmatch(r"mdlcodec \S+, Python \S+, torch \S+, numpy \S+, numba \S+", lines[0])
    assert re.fullmatch(r"60 labels of 3 classes; engine -, device cpu", lines[1])
    assert lines[2] == "code uniform, net -, preset 5, seed 0"
    assert re.fullmatch(r"cost: 0 parameters, \d+,\d+ operations, at most \d+ \wiB of memory", lines[3])


def test_verbose_says_which_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in ("int16", "float64"):
        monkeypatch.setenv("MDLCODEC_ENGINE", engine)
        for device in ("auto", "cpu"):
            lines = run(
                *ENCODE[:2], "--net", "mlp", "-1", "-f", "-v", "--no-verify", "--device", device
            ).stderr
            assert f"classes; engine {engine}, device cpu" in lines


def test_verification_computes_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "import os, sys; sys.exit(' '.join(sys.argv[-4:]) + f' {os.environ.get(\"MDLCODEC_ENGINE\")}')"
    monkeypatch.setattr(verification, "fresh_python", lambda: [sys.executable, "-c", told])
    common = Common(quiet=True, verbose=False, json=False, max_work=None, max_memory=None)
    for engine, left in (("cuda", "None"), ("int8", "int8")):
        monkeypatch.setenv("MDLCODEC_ENGINE", engine)
        with pytest.raises(MdlcodecError, match=f"--device cpu -- data.mdl {left}$"):
            verification._decode(Path("data.mdl"), "data.npz", Path("labels.npy"), common, ProgressLine(True))


def test_force_overwrites_also_through_a_link(folder: Path) -> None:
    Path("real").mkdir()
    Path("real/file.mdl").write_bytes(b"old")
    Path("link.mdl").symlink_to("real/file.mdl")
    run(*ENCODE, "-o", "link.mdl", "-f")
    assert Path("link.mdl").is_symlink()
    run("test", "real/file.mdl", "--inputs", "data.npz")


def test_files_have_the_permissions_of_new_files() -> None:
    Path("new").touch()
    run(*ENCODE)
    assert Path("data.mdl").stat().st_mode == Path("new").stat().st_mode


@pytest.mark.parametrize(("k", "n"), [(1, 5), (1, 1)])
def test_one_class_and_one_example(k: int, n: int) -> None:
    np.savez("small.npz", x=X[:n], y=np.zeros(n, int))
    run("encode", "small.npz", "--code", "uniform", "--no-verify")
    run("decode", "small.mdl", "--inputs", "small.npz")
    assert np.array_equal(np.load("small-labels.npy"), np.zeros(n, int))


def test_presets_do_as_the_help_says() -> None:
    from mdlcodec.predictors.presets import DEFAULT_PRESET

    text = run("encode", "--help").stdout
    assert f"[default: -{DEFAULT_PRESET}]" in text
    run(*ENCODE)
    assert json.loads(run("list", "data.mdl", "--json").stdout)["preset"] == DEFAULT_PRESET


def test_help_names_every_code_and_network_and_the_limits() -> None:
    from mdlcodec.codes import CODES
    from mdlcodec.predictors import PREDICTORS

    text = " ".join(run("encode", "--help").stdout.split())
    for name in [*CODES, *(entry.name for entry in PREDICTORS)]:
        assert name in text
    assert f"[default: {Limits().work:.0e}".replace("+", "") in text
    assert f"[default: {Limits().memory / 2**30:.0f}GiB]" in text


@pytest.mark.parametrize("command", main.commands.values(), ids=str)
def test_every_option_has_help(command: click.Command) -> None:
    assert command.help
    presets = [f"-{preset}" for preset in range(2, 10)]  # shown as -1 .. -9
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.opts[0] not in presets:
            assert parameter.help, f"{command.name} {parameter.opts}"


def test_help_and_version_load_nothing_slow() -> None:
    code = (
        "import sys\nfrom mdlcodec.cli import main\n"
        "try: main(['encode', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numba', 'numpy', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    assert run("--version").stdout == f"mdlcodec {mdlcodec.__version__}\n"


def test_list_loads_no_torch() -> None:
    run(*ENCODE)
    code = (
        "import sys\nfrom mdlcodec.cli import main\n"
        "try: main(['list', 'data.mdl'])\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_progress_redraws_one_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    times = iter([0.0, 1.0, 1.01, 3.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    with ProgressLine(quiet=False) as line:
        line.coded("encoding", 1000, 4000, 500.0)
        line.coded("encoding", 1010, 4000, 505.0)  # too soon
        line.coded("encoding", 3000, 4000, 900.0)
    first = "encoding: 1,000 of 4,000 labels, 500 bits, 0.500 bits a label"
    second = "encoding: 3,000 of 4,000 labels, 900 bits, 0.300 bits a label, 1.0 s left"
    assert capsys.readouterr().err == f"\r{first}\r{second}\r{' ' * len(second)}\r"


def test_progress_prints_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 7.0, 11.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    with ProgressLine(quiet=False) as line:
        line.coded("decoding", 1, 4, 1.0)
        line.coded("decoding", 2, 4, 3.0)
    assert capsys.readouterr().err == "decoding: 2 of 4 labels, 3 bits, 1.500 bits a label, 8.0 s left\n"
