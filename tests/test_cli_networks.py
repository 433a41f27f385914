"""pack, unpack, list and test on networks: what they write, print and refuse."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from network_sets import label_file, sparse_network
from safetensors.numpy import load_file

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.container import read_network_file, write_network_file

RNG = np.random.default_rng(8)
WEIGHTS = {
    "conv.weight": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32),
    "conv.bias": RNG.normal(size=4).astype(np.float32),
    "steps": np.array(7),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mdlcodec.cli.progress._LINE_SECONDS", np.inf)  # no line more on a slow machine
    np.savez("net.npz", **WEIGHTS)
    Path("net.mdl").write_bytes(mdlcodec.pack(WEIGHTS))
    np.savez("data.npz", x=RNG.normal(size=(9, 1, 7)), y=np.arange(9) % 3)
    Path("labels.mdl").write_bytes(mdlcodec.encode(np.ones((9, 2)), np.arange(9) % 3, code="uniform"))
    return tmp_path


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def fails(exit_code: int, *arguments: str) -> str:
    """The one line in which the command fails, leaving the folder as it was."""
    before = {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()}
    result = run(*arguments, exit_code=exit_code)
    assert result.stdout == ""
    assert re.fullmatch(r"mdlcodec: [^\n]*\n", result.stderr), result.stderr
    assert result.stderr[:-1].isprintable()
    assert {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()} == before
    return result.stderr[len("mdlcodec: ") : -1]


def mlp(density: float = 0.3) -> dict[str, np.ndarray]:
    """A LeNet-300-100 for seven columns, with dead units."""
    rng = np.random.default_rng(1)
    found = {}
    for i, (a, b) in enumerate(((6, 7), (5, 6), (3, 5))):
        found[f"fc{i}.weight"] = (rng.normal(size=(a, b)) * (rng.random((a, b)) < density)).astype(np.float32)
        found[f"fc{i}.bias"] = np.zeros(a, np.float32)
    return found


def test_pack_then_unpack_gives_the_weights_back(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    result = run("pack", "net.npz", "-o", "new.mdl")
    assert result.stdout == ""
    assert re.fullmatch(
        r"new\.mdl: \d+ bytes \(.*% of 216 bytes of weights\); packed in .*, verified in .*\n",
        result.stderr.splitlines(keepends=True)[-1],
    )
    assert Path("new.mdl").read_bytes() == Path("net.mdl").read_bytes()
    result = run("unpack", "new.mdl")
    assert result.stdout == ""
    assert result.stderr.startswith("new.safetensors: 3 tensors of 53 numbers, as safetensors; ")
    run("unpack", "new.mdl", "-o", "new.npz")
    for back in (load_file("new.safetensors"), dict(np.load("new.npz"))):
        assert set(back) == set(WEIGHTS)
        for name, array in WEIGHTS.items():
            assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
            assert back[name].tobytes() == array.tobytes()
    assert {path.name for path in folder.iterdir()} == {*names, "new.mdl", "new.safetensors", "new.npz"}


def test_the_default_name_is_that_of_the_weights() -> None:
    torch.save({"w": torch.ones(3, dtype=torch.bfloat16)}, "model.pth")
    run("pack", "model.pth", "--no-verify")
    assert mdlcodec.unpack(Path("model.mdl").read_bytes())["w"].tolist() == [1, 1, 1]
    assert "choose a name that ends in .safetensors" in fails(2, "unpack", "model.mdl", "-o", "model.npz")
    run("unpack", "model.mdl")
    assert Path("model.safetensors").exists()


def test_json_of_pack_list_and_test() -> None:
    packed = json.loads(run("pack", "net.npz", "-o", "new.mdl", "--json").stdout)
    listed = json.loads(run("list", "new.mdl", "--json").stdout)
    line = fails(3, "pack", "net.npz", "-o", "limited.mdl", "--no-verify", "--max-work", "10M")
    assert "more than the limit of 10,000,000 operations" in line
    tested = json.loads(run("test", "new.mdl", "--json").stdout)
    unpacked = json.loads(run("unpack", "new.mdl", "--json").stdout)
    for facts in (packed, tested):
        assert {name: facts[name] for name in listed} == listed
    assert (listed["file"], listed["kind"]) == ("new.mdl", "network")
    assert listed["bytes"] == Path("new.mdl").stat().st_size == sum(p["bytes"] for p in listed["sections"])
    assert [part["name"] for part in listed["sections"]] == ["header", "network", "checksum"]
    assert (listed["elements"], listed["nonzeros"], listed["weights_bytes"]) == (53, 53, 216)
    for part, (name, array) in zip(listed["tensors"], WEIGHTS.items(), strict=True):
        assert (part["name"], part["shape"], part["elements"]) == (name, list(array.shape), array.size)
        assert part["dtype"] == ("F32" if array.dtype == np.float32 else "I64")
        assert part["positions_bits"] + part["values_bits"] + part["codebook_bits"] > 0
    bits = sum(p[n] for p in listed["tensors"] for n in ("positions_bits", "values_bits", "codebook_bits"))
    assert bits + listed["names_bits"] < 8 * listed["sections"][1]["bytes"] + 8
    assert (packed["verified"], packed["dropped"], packed["changes"]) == (True, None, [])
    assert (tested["decoded"], len(tested["digest"])) == (True, 64)
    assert (unpacked["output"], unpacked["form"]) == ("new.safetensors", "safetensors")
    assert unpacked["bytes"] == Path("new.safetensors").stat().st_size


def test_list_shows_labels_and_networks_and_the_table_of_zhou_et_al() -> None:
    lines = run("list", "labels.mdl", "net.mdl", "-v").stdout.splitlines()
    heads = [line.split() for line in lines]
    assert ["bytes", "weights", "tensors", "elements", "non-zeros", "file"] in heads
    assert ["bytes", "uniform", "labels", "classes", "code", "net", "preset", "seed", "file"] in heads
    table = next(i for i, words in enumerate(heads) if words[:2] == ["layer", "type"])
    assert heads[table][2:] == ["shape", "elements", "non-zeros", "positions", "values", "codebook", "tools"]
    assert heads[table + 1][:5] == ["conv.weight", "F32", "4x3x2x2", "48", "48"]
    assert heads[table + 3][:4] == ["steps", "I64", "-", "1"]
    assert "ideal bytes of the coder" in lines[table + 5]
    assert sum(map(int, re.findall(r" (\d+)", lines[-1]))) == Path("net.mdl").stat().st_size
    both = json.loads(run("list", "labels.mdl", "net.mdl", "--json").stdout)
    assert [facts["kind"] for facts in both] == ["labels", "network"]


def test_the_network_of_a_label_file_is_listed_and_unpacked() -> None:
    Path("two.mdl").write_bytes(label_file(read_network_file(Path("net.mdl").read_bytes())))
    run("unpack", "two.mdl", "-o", "two.npz")
    assert set(np.load("two.npz").files) == set(WEIGHTS)
    lines = run("list", "-v", "two.mdl").stdout.splitlines()
    assert any(line.split()[:2] == ["conv.weight", "F32"] for line in lines)
    facts = json.loads(run("list", "two.mdl", "--json").stdout)
    assert [part["name"] for part in facts["network"]["tensors"]] == list(WEIGHTS)
    assert sum(part["bytes"] for part in facts["sections"]) == Path("two.mdl").stat().st_size


def test_what_is_lost_is_said() -> None:
    result = run("pack", "net.npz", "-o", "a.mdl", "--prune", "0.5", "--bits", "3", "--no-verify")
    lines = result.stderr.splitlines()
    assert lines[0].split() == ["tensor", "largest", "error", "rms", "error", "zeroed", "non-zeros"]
    assert lines[1].split()[0] == "conv.weight"
    assert "2 tensors (conv.bias, steps)" in lines[2]
    facts = json.loads(
        run("pack", "net.npz", "-o", "b.mdl", "--step", "0.5", "--json", "--quiet", "--no-verify").stdout
    )
    back = mdlcodec.unpack(Path("b.mdl").read_bytes())["conv.weight"]
    assert np.array_equal(back * 2, np.rint(back * 2))
    [told] = facts["changes"]
    assert told["largest_error"] == np.abs(back - WEIGHTS["conv.weight"]).max() <= 0.25
    assert told["zeroed"] == 48 - np.count_nonzero(back)
    assert facts["unchanged"] == ["conv.bias", "steps"]


def test_dead_units_are_dropped_and_it_is_said_what_was_compared() -> None:
    np.savez("mlp.npz", **mlp())
    arguments = ["pack", "mlp.npz", "--drop-dead", "--net", "lenet-300-100", "--no-verify"]
    result = run(*arguments, "-o", "a.mdl", "--inputs", "data.npz")
    assert re.search(
        r"units left in the layers of lenet-300-100: \d of 6, \d of 5, 3 of 3; outputs are equal on 64 random "
        r"and 9 given inputs",
        result.stderr,
    )
    facts = json.loads(run(*arguments, "-o", "b.mdl", "--json", "--quiet").stdout)
    assert facts["dropped"]["before"] == [6, 5, 3]
    assert facts["dropped"]["after"] < [6, 5, 3]
    assert (facts["dropped"]["checked_random"], facts["dropped"]["checked_inputs"]) == (64, 0)
    assert facts["tensors"][0]["shape"] == [facts["dropped"]["after"][0], 7]
    assert facts["input_bytes"] > facts["weights_bytes"]
    pruned = json.loads(run(*arguments, "-o", "c.mdl", "--json", "--quiet", "--prune", "0.95").stdout)
    assert pruned["dropped"]["after"] <= facts["dropped"]["after"]


def test_dead_units_of_a_network_with_statistics_and_of_any_widths() -> None:
    tensors = sparse_network("resnet20", (8, 8, 3), 4, {}, 1.0)
    tensors["layer1.1.conv2.weight"][:, 4] = 0
    tensors["bn1.num_batches_tracked"] = np.array(3)
    torch.save({name: torch.from_numpy(np.asarray(array)) for name, array in tensors.items()}, "res.pt")
    arguments = ["--drop-dead", "--no-verify", "--json", "--quiet", "--net"]
    facts = json.loads(run("pack", "res.pt", "-o", "a.mdl", *arguments, "resnet20").stdout)
    lost = np.subtract(facts["dropped"]["before"], facts["dropped"]["after"])
    assert lost[3] >= 1
    shapes = {tensor["name"]: tensor["shape"] for tensor in facts["tensors"]}
    assert shapes["layer1.1.bn1.running_var"] == [16 - lost[3]]
    assert list(shapes) == list(tensors)
    np.savez("mlp.npz", **mlp())
    facts = json.loads(run("pack", "mlp.npz", "-o", "b.mdl", *arguments, "mlp-6-5").stdout)
    assert facts["dropped"]["net"] == "mlp-6-5"


def test_stdout_and_quiet() -> None:
    assert run("pack", "net.npz", "-o", "-", "--no-verify").stdout_bytes == Path("net.mdl").read_bytes()
    run("unpack", "net.mdl", "-o", "x.safetensors", "--quiet")
    result = run("unpack", "net.mdl", "-o", "-", "--quiet")
    assert (result.stdout_bytes, result.stderr) == (Path("x.safetensors").read_bytes(), "")
    assert run("pack", "net.npz", "-o", "q.mdl", "--quiet", "--no-verify").stderr == ""
    assert "layer" in run("pack", "net.npz", "-o", "v.mdl", "-v", "--no-verify").stderr


def test_verification_fails_when_other_weights_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcodec.files.networks.digest", lambda tensors: "0" * 64)
    line = fails(1, "pack", "net.npz", "-o", "new.mdl")
    assert line == "a fresh process unpacked other weights than were packed; please report this"


def test_verification_fails_when_the_file_does_not_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcodec.files.networks.write_network_file", lambda section: b"MDL\x11 no file")
    line = fails(1, "pack", "net.npz", "-o", "new.mdl")
    assert line.startswith("a fresh process could not decode the file: ")
    assert "the checksum differs" in line


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["pack"], 2, "Missing argument 'WEIGHTS'"),
        (["pack", "missing.npz"], 2, "missing.npz"),
        (["pack", "net.npz"], 1, "exists; choose another -o"),
        (["pack", "net.npz", "-o", "net.npz", "-f"], 2, "is read and would be overwritten"),
        (["pack", "net.npz", "-o", "no/where.mdl"], 2, "there is no folder"),
        (["pack", "net.npz", "-o", "-", "--json"], 2, "both want stdout"),
        (["pack", "net.npz", "-o", "a.mdl", "--drop-dead"], 2, "--drop-dead and --net go together"),
        (["pack", "net.npz", "-o", "a.mdl", "--net", "lenet5"], 2, "--drop-dead and --net go together"),
        (["pack", "net.npz", "-o", "a.mdl", "--inputs", "data.npz"], 2, "--inputs is for --drop-dead"),
        (["pack", "net.npz", "-o", "a.mdl", "--drop-dead", "--net", "lenet6"], 2, "choose one of lenet5"),
        (["pack", "net.npz", "-o", "a.mdl", "--drop-dead", "--net", "lenet5"], 2, "lenet5 has 8 tensors"),
        (["pack", "net.npz", "-o", "a.mdl", "--drop-dead", "--net", "vgg16"], 2, "vgg16 has 86 tensors"),
        (["pack", "net.npz", "-o", "a.mdl", "--drop-dead", "--net", "mlp-0"], 2, "named mlp-300-100"),
        (["pack", "net.npz", "-o", "a.mdl", "--prune", "2"], 2, "--prune 2.0 is no fraction"),
        (["pack", "net.npz", "-o", "a.mdl", "--bits", "many"], 2, "'many' is no number, nor one by layer"),
        (["pack", "net.npz", "-o", "a.mdl", "--bits", "4", "--step", "1"], 2, "choose one"),
        (
            ["pack", "net.npz", "-o", "a.mdl", "--max-memory", "100"],
            2,
            "more than 100 bytes; allow more with --max-memory",
        ),
        (["pack", "net.mdl", "-o", "a.mdl"], 2, "mdlcodec unpack takes the weights out"),
        (["unpack", "net.mdl", "-o", "net.pt"], 2, "choose .safetensors or .npz"),
        (["unpack", "net.mdl", "-o", "net.npz"], 1, "exists; choose another -o"),
        (["unpack", "labels.mdl"], 2, "uniform holds no network; give"),
        (["unpack", "net.mdl", "--max-memory", "100"], 3, "--max-memory"),
        (["test", "net.mdl", "--max-memory", "100"], 3, "--max-memory"),
        (["list", "net.mdl", "--max-memory", "100"], 3, "--max-memory"),
        (["test", "net.mdl", "--inputs", "data.npz"], 2, "leave --inputs out"),
        (["decode", "net.mdl", "--inputs", "data.npz"], 3, "mdlcodec unpack"),
        (["unpack", "missing.mdl"], 2, "missing.mdl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_arguments(arguments: list[str], exit_code: int, message: str) -> None:
    assert message in fails(exit_code, *arguments)


def test_force_overwrites() -> None:
    Path("net.mdl").write_bytes(b"old")
    run("pack", "net.npz", "-f", "--no-verify")
    Path("net.safetensors").write_bytes(b"old")
    run("unpack", "net.mdl", "-f")
    assert load_file("net.safetensors")["steps"] == 7


def test_hostile_files_are_one_line_and_nothing_is_written() -> None:
    blob = Path("net.mdl").read_bytes()
    rng = np.random.default_rng(2)
    section = read_network_file(blob)
    files = [blob[:-1], blob[:10], blob + b"\0", write_network_file(b""), write_network_file(section[:9])]
    for _ in range(12):
        changed = bytearray(section)
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        files.append(write_network_file(bytes(changed)))
    for data in files:
        Path("bad.mdl").write_bytes(data)
        for command in (
            ["unpack", "bad.mdl", "-o", "bad.npz"],
            ["list", "-v", "bad.mdl"],
            ["test", "bad.mdl"],
        ):
            result = CliRunner().invoke(main, [*command, "--max-memory", "256MiB"])
            assert result.exception is None or isinstance(result.exception, SystemExit), command
            assert result.exit_code in (0, 1, 2, 3)
            text = result.stdout + result.stderr
            assert all(line.isprintable() for line in text.splitlines())
            if result.exit_code:
                assert result.stderr.startswith("mdlcodec: ")
                assert result.stderr.count("\n") == 1
                assert not Path("bad.npz").exists()
            Path("bad.npz").unlink(missing_ok=True)


def test_hostile_names_are_escaped_and_never_paths(folder: Path) -> None:
    names = ["file", "../escaped", "\x1b[2J\n", "‮", "/etc/x", "__metadata__"]
    Path("hostile.mdl").write_bytes(mdlcodec.pack({name: np.arange(4.0) for name in names}))
    before = {path.name for path in folder.parent.iterdir()}
    shown = run("list", "-v", "hostile.mdl").stdout
    assert all(line.isprintable() for line in shown.splitlines())
    assert "\\x1b[2J\\n" in shown
    assert "keeps the name for itself" in fails(2, "unpack", "hostile.mdl")
    run("unpack", "hostile.mdl", "-o", "hostile.npz")
    with np.load("hostile.npz") as back:
        assert set(back.files) == set(names)
    run("pack", "hostile.npz", "-f", "--no-verify")
    assert list(mdlcodec.unpack(Path("hostile.mdl").read_bytes())) == names
    assert {path.name for path in folder.parent.iterdir()} == before


def test_interrupting_leaves_nothing_behind(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    code = (
        "import os, signal, time\n"
        "from mdlcodec.cli import main\n"
        "from mdlcodec.cli import pack\n"
        "def slow(*arguments):\n"
        "    print('verifying', flush=True)\n"
        "    time.sleep(60)\n"
        "pack.verify_network = slow\n"
        "main(['pack', 'net.npz', '-o', 'new.mdl'])\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # a shell's background ignores it
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "verifying\n"
        time.sleep(0.1)
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
        assert process.returncode == 128 + number
        assert error.splitlines()[-1].endswith("; nothing written")
        assert {path.name for path in folder.iterdir()} == before


def test_pack_loads_torch_only_for_its_files() -> None:
    code = (
        "import sys\nfrom mdlcodec.cli import main\n"
        "for arguments in ('pack net.npz -o n.mdl --no-verify', 'unpack n.mdl', 'list n.mdl'):\n"
        "    try: main(arguments.split())\n    except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
