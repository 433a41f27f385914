"""Bad input on the command line: one line (what, where, what next), an exit code, nothing written."""

import io
import re
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

import mdlcodec
from mdlcodec.cli import main
from mdlcodec.codes.prequential import LearnedClasses
from mdlcodec.codes.uniform import UniformClasses
from mdlcodec.container import read_label_file, write_label_file
from mdlcodec.errors import LimitExceeded, MdlcodecError

N = 60
MOST_WORK = 10**6  # what learns nothing stays below
X = np.random.default_rng(1).normal(size=(N, 3))
Y = np.arange(N) % 3
BLOB = mdlcodec.encode(X, Y, code="uniform")
IMAGES = np.arange(N * 64.0).reshape(N, 8, 8)
BLOB_OF_IMAGES = mdlcodec.encode(IMAGES, Y, code="uniform")
HEADER, PAYLOAD = read_label_file(BLOB)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with data and a file; decoding anything there is an error."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=X, y=Y)
    np.savez("fewer.npz", x=X[:50])
    np.savez("other.npz", x=X[::-1])
    Path("table.csv").write_text("a,b\n" + "1,x\n" * N)
    Path("data.mdl").write_bytes(BLOB)
    return tmp_path


@pytest.fixture()
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when a code begins to encode or decode."""

    def begin(*arguments: object) -> None:
        raise AssertionError("began to work on bad input")

    for code in (UniformClasses, LearnedClasses):
        monkeypatch.setattr(code, "encode", begin)
        monkeypatch.setattr(code, "decode", begin)


def fails(exit_code: int, *arguments: str) -> str:
    """The one line in which the command fails, with that exit code, leaving the folder as it was."""
    before = {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()}
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    *notes, line, last = result.stderr.split("\n")  # notes are on how a table was read
    assert last == ""
    assert all(note.startswith("mdlcodec: note: ") for note in notes)
    assert line.startswith("mdlcodec: ")
    assert line.isprintable()
    assert {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()} == before
    return line[len("mdlcodec: ") :]


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x", "y")
    return out.getvalue()


def newer_version(blob: bytes) -> bytes:
    framed = blob[:3] + bytes([blob[3] + 16]) + blob[4:-4]
    return framed + zlib.crc32(framed).to_bytes(4, "little")


def changed(**fields: Any) -> bytes:
    """The file with other values in its header, and a valid checksum."""
    return write_label_file(replace(HEADER, **fields), PAYLOAD)


BAD_FILES = [
    ("empty", b"", 1, "truncated: only 0 bytes"),
    ("text", b"a,b\n1,2\n", 1, "not an mdlcodec file"),
    ("zip", a_zip(), 1, "not an mdlcodec file"),
    ("one byte", BLOB[:1], 1, "truncated: only 1 bytes"),
    ("half", BLOB[: len(BLOB) // 2], 1, "truncated or damaged: the checksum differs"),
    ("all but a byte", BLOB[:-1], 1, "truncated or damaged: the checksum differs"),
    ("a byte more", BLOB + b"\0", 1, "truncated or damaged: the checksum differs"),
    ("newer", newer_version(BLOB), 3, "format version 2; this program reads up to 1"),
    ("code", changed(code=15), 3, "code number 15, which this version does not know"),
    ("net", changed(code=1, net=100), 3, "network number 100, which this version does not know"),
    ("net of the uniform code", changed(net=3), 3, "network number 3 with the uniform code"),
    ("preset", changed(preset=12), 3, "preset 12 is not known to this version"),
    (
        "no labels",
        changed(n=0, values=HEADER.values[:0]),
        1,
        "damaged: the file says that it holds no labels",
    ),
]
IDS = [name for name, *_ in BAD_FILES]


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(("blob", "exit_code", "message"), [bad[1:] for bad in BAD_FILES], ids=IDS)
def test_bad_files(blob: bytes, exit_code: int, message: str) -> None:
    Path("bad.mdl").write_bytes(blob)
    for command in (
        ["decode", "bad.mdl", "--inputs", "data.npz"],
        ["test", "bad.mdl"],
        ["test", "bad.mdl", "--inputs", "data.npz"],
        ["list", "bad.mdl"],
    ):
        line = fails(exit_code, *command)
        assert line.startswith("bad.mdl: ")
        assert message in line


HUGE = [
    ("labels", changed(n=10**9), 1, "the file holds 1,000,000,000 labels, but these inputs have 60 examples"),
    ("all labels there can be", changed(n=2**40), 1, "the file holds 1,099,511,627,776 labels"),
    (
        "classes",
        changed(n=10**9, values=np.arange(65536)),
        1,
        "the file holds 1,000,000,000 labels, but these inputs have 60 examples",
    ),
    (
        "columns",
        changed(n=10**9, form="csv", column=(2**20, "c" * 60000)),
        1,
        "the file holds 1,000,000,000 labels, but these inputs have 60 examples",
    ),
]


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("blob", "exit_code", "message"), [huge[1:] for huge in HUGE], ids=[huge[0] for huge in HUGE]
)
def test_a_valid_checksum_over_huge_numbers(blob: bytes, exit_code: int, message: str) -> None:
    Path("huge.mdl").write_bytes(blob)
    for inputs in ("data.npz", "table.csv"):
        assert message in fails(exit_code, "decode", "huge.mdl", "--inputs", inputs)
    assert message in fails(exit_code, "test", "huge.mdl", "--inputs", "data.npz")


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("net", [1, 2, 3])
def test_more_work_or_memory_than_allowed(net: int) -> None:
    np.savez("images.npz", x=IMAGES, y=Y)
    header, payload = read_label_file(BLOB_OF_IMAGES)
    Path("costly.mdl").write_bytes(write_label_file(replace(header, code=1, net=net), payload))
    decode = ["decode", "costly.mdl", "--inputs", "images.npz"]
    line = fails(3, *decode, "--max-work", "0")
    assert line.startswith("costly.mdl: this takes ")
    assert re.search(r"operations, about [\d,]+ s on this machine, more than the limit of 0; allow", line)
    allowed = re.search(r"allow them with --max-work (\d+) \(max_work in Python\)$", line)
    assert allowed is not None
    fails(3, *decode, "--max-steps", "0")  # as it was called before
    line = fails(3, *decode, "--max-memory", "1kB")
    assert "of memory, more than the limit of 1000 B; allow it with --max-memory " in line
    name = ["mlp", "cnn", "kernel"][net - 1]
    fails(3, "encode", "images.npz", "-o", "new.mdl", "--net", name, "--max-work", "0")


@pytest.mark.usefixtures("no_training")
def test_a_network_that_does_not_fit_the_inputs() -> None:
    Path("misfit.mdl").write_bytes(changed(code=1, net=2))
    line = fails(1, "decode", "misfit.mdl", "--inputs", "data.npz")
    assert line == "misfit.mdl: damaged: its network does not fit these inputs"
    line = fails(2, "encode", "data.npz", "-o", "new.mdl", "--net", "cnn")
    assert line.startswith("--net cnn needs images")


@pytest.mark.usefixtures("no_training")
def test_wrong_inputs() -> None:
    line = fails(1, "decode", "data.mdl", "--inputs", "other.npz")
    assert line.startswith(
        "data.mdl: these are not the inputs that the labels were encoded with (their digest"
    )
    line = fails(1, "decode", "data.mdl", "--inputs", "fewer.npz")
    assert "the file holds 60 labels, but these inputs have 50 examples; give the inputs" in line
    fails(1, "decode", "data.mdl", "--inputs", "digits")
    fails(1, "test", "data.mdl", "--inputs", "table.csv")
    assert "no file or folder 'none.npz'" in fails(2, "decode", "data.mdl", "--inputs", "none.npz")


@pytest.mark.usefixtures("no_training")
def test_any_changed_byte() -> None:
    for position in range(len(BLOB)):
        for mask in (1, 128) if position % 8 else (255,):
            damaged = bytearray(BLOB)
            damaged[position] ^= mask
            Path("damaged.mdl").write_bytes(damaged)
            code = 3 if damaged[3] >> 4 > 1 else 1
            fails(code, "decode", "damaged.mdl", "--inputs", "data.npz")


def test_labels_that_are_not_those_encoded() -> None:
    Path("damaged.mdl").write_bytes(changed(label_digest=b"\0\0\0\0"))
    line = fails(1, "decode", "damaged.mdl", "--inputs", "data.npz")
    assert "other labels were decoded than were encoded" in line


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode"], "Missing argument 'DATA'; see 'mdlcodec encode --help'"),
        (["encode", "none.npz"], "there is no file or folder 'none.npz'"),
        (["encode", "data.mdl", "-o", "new"], "cannot tell what 'data.mdl' is"),
        (["encode", "data.npz", "-o", "none/out.mdl"], "/none'; create it, or choose another -o"),
        (["encode", "data.npz", "-o", "."], "is not a regular file"),
        (["encode", "data.npz", "-o", "data.npz", "-f"], "'data.npz' is read and would be overwritten"),
        (["encode", "data.npz", "-o", "-", "--json"], "both want stdout"),
        (["encode", "data.npz", "-o", "new", "--code", "best"], "no code named 'best'"),
        (["encode", "data.npz", "-o", "new", "--net", "big"], "no network named 'big'"),
        (["encode", "data.npz", "-o", "new", "--net"], "requires an argument; see 'mdlcodec encode --help'"),
        (["encode", "data.npz", "-o", "new", "--code", "uniform", "--net", "mlp"], "uniform learns nothing"),
        (["encode", "data.npz", "-o", "new", "--seed", "-1"], "the seed -1 is out of range"),
        (["encode", "data.npz", "-o", "new", "--limit", "0"], "--limit 0 leaves no examples"),
        (["encode", "data.npz", "-o", "new", "--target", "a"], "--target 'a' chooses a column of a table"),
        (["encode", "table.csv", "--target", "z\x1b[2J"], "--target 'z\\x1b[2J' is not in the first line"),
        (["encode", "fewer.npz"], "y"),
        (["encode", "data.npz", "-0"], "No such option"),
        (["encode", "data.npz", "--max-memory", "lots"], "'lots' is not a size; write it as 2GiB or 500MB"),
        (["decode", "none.mdl", "--inputs", "digits"], "cannot read 'none.mdl': No such file"),
        (["decode", ".", "--inputs", "digits"], "cannot read '.': Is a directory"),
        (["decode", "data.mdl"], "Missing option '--inputs'; see 'mdlcodec decode --help'"),
        (
            ["decode", "data.mdl", "--inputs", "data.npz", "-o", "labels.doc"],
            "cannot tell the form of labels",
        ),
        (["decode", "data.mdl", "--inputs", "data.npz", "-o", "data.mdl", "-f"], "cannot tell the form"),
        (["list"], "Missing argument 'FILE...'"),
        (["unlist"], "No such command 'unlist'"),
        (["--loud"], "; see 'mdlcodec --help'"),
    ],
)
def test_usage(arguments: list[str], message: str) -> None:
    assert message in fails(2, *arguments)


@pytest.mark.usefixtures("no_training")
def test_a_form_that_cannot_hold_the_labels_is_known_before_training() -> None:
    Path("text.mdl").write_bytes(changed(values=np.array(["a", "b", "c"])))
    line = fails(2, "decode", "text.mdl", "--inputs", "data.npz", "-o", "labels-idx1-ubyte")
    assert "IDX files hold integer labels from 0 to 255" in line


@pytest.mark.usefixtures("no_training")
def test_an_existing_file_is_not_overwritten() -> None:
    assert "data.mdl' exists; choose another -o, or overwrite it with -f" in fails(1, "encode", "data.npz")
    Path("data-labels.npy").write_bytes(b"mine")
    assert "exists" in fails(1, "decode", "data.mdl", "--inputs", "data.npz")


def test_a_file_that_appears_meanwhile_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    def appears(*arguments: Any) -> Any:
        Path("new.mdl").write_bytes(b"mine")
        return encode(*arguments)

    encode: Callable[..., Any] = UniformClasses.encode
    monkeypatch.setattr(UniformClasses, "encode", appears)
    arguments = ["encode", "data.npz", "-o", "new.mdl", "--code", "uniform", "--no-verify"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, Path("new.mdl").read_bytes()) == (1, b"mine")
    assert "exists" in result.stderr
    assert not list(Path.cwd().glob(".*"))


def test_names_that_would_steer_the_terminal_are_escaped() -> None:
    name = "\x1b[2J\x9b\u202e\n.mdl"
    Path(name).write_bytes(BLOB)
    shown = CliRunner().invoke(main, ["list", name]).stdout
    assert shown.count("\n") == 2
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    Path(name).write_bytes(b"")
    assert "\\x1b[2J\\x9b\\u202e\\n.mdl" in fails(1, "test", name)


def test_a_bug_keeps_its_traceback_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def bug(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mdlcodec.cli.encode.verify", bug)
    arguments = ["encode", "data.npz", "-o", "new.mdl", "--code", "uniform"]
    assert isinstance(CliRunner().invoke(main, arguments).exception, ZeroDivisionError)
    assert not list(folder.glob("*new*"))
    assert not list(folder.glob(".*"))


def test_out_of_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(UniformClasses, "encode", too_much)
    assert "out of memory" in fails(1, "encode", "data.npz", "-o", "new.mdl", "--code", "uniform")


def test_an_interrupt_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(UniformClasses, "encode", interrupt)
    monkeypatch.setattr(UniformClasses, "decode", interrupt)
    line = fails(130, "encode", "data.npz", "-o", "new.mdl", "--code", "uniform")
    assert line == "interrupted; nothing written"
    assert fails(130, "decode", "data.mdl", "--inputs", "data.npz") == "interrupted; nothing written"


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mdlcodec", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs, this test run perhaps among them, ignore interrupts and pass that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_verifying_leaves_no_file_and_no_process(
    folder: Path, sent: signal.Signals, exit_code: int
) -> None:
    with start("encode", "data.npz", "-o", "new.mdl", "--code", "uniform") as encoder:
        children: list[psutil.Process] = []
        while not children and encoder.poll() is None:
            time.sleep(0.01)
            children = psutil.Process(encoder.pid).children()
        encoder.send_signal(sent)
        output, errors = encoder.communicate()
    assert encoder.returncode == exit_code
    assert output == ""
    assert errors in ("mdlcodec: interrupted; nothing written\n", "mdlcodec: terminated; nothing written\n")
    assert not children[0].is_running()
    assert {path.name for path in folder.iterdir()} == {
        "data.npz",
        "fewer.npz",
        "other.npz",
        "table.csv",
        "data.mdl",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize(
    "arguments", [["list", "data.mdl"], ["decode", "data.mdl", "--inputs", "data.npz", "-o", "-", "--quiet"]]
)
def test_a_reader_that_went_away_is_no_traceback(arguments: list[str]) -> None:
    with start(*arguments) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash in which ``$mdlcodec`` is the program."""
    program = f"{sys.executable} -m mdlcodec"
    return subprocess.run(
        ["bash", "-c", command.replace("$mdlcodec", program)], capture_output=True, text=True, timeout=120
    )


ENCODE = "$mdlcodec encode data.npz --code uniform --no-verify"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")
@pytest.mark.parametrize(
    "command",
    [
        f"{ENCODE} -o - >&-",
        "$mdlcodec decode data.mdl --inputs data.npz -o - >&-",
        f"{ENCODE} -o new --json >&-",
        "$mdlcodec list data.mdl >&-",
        "$mdlcodec list data.mdl --json >&-",
        "$mdlcodec test data.mdl --json >&-",
    ],
)
def test_a_closed_stdout_fails_in_one_line(command: str) -> None:
    done = shell(command)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("mdlcodec: stdout is closed; ")
    assert not Path("new").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_work_does_not_need_stderr(where: str) -> None:
    assert shell(f"{ENCODE} -o new {where}").returncode == 0
    assert Path("new").stat().st_size == len(BLOB)
    assert shell(f"$mdlcodec list none.mdl {where}").returncode == 2


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_file_without_end_is_not_read() -> None:
    assert fails(1, "list", "/dev/zero") == "/dev/zero: not an mdlcodec file"


def test_a_file_too_large_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcodec.cli.files.MAX_FILE_BYTES", len(BLOB) - 1)
    assert "too many for an mdlcodec file" in fails(1, "list", "data.mdl")
    monkeypatch.setattr("mdlcodec.cli.files.MAX_FILE_BYTES", len(BLOB))
    assert CliRunner().invoke(main, ["list", "data.mdl"]).exit_code == 0


def test_a_pipe_without_end_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcodec.cli.files._PART_BYTES", 1000)
    monkeypatch.setattr("mdlcodec.cli.files.MAX_FILE_BYTES", 10_000)
    with subprocess.Popen(["bash", "-c", "printf MDL; yes"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        line = fails(1, "list", f"/dev/fd/{endless.stdout.fileno()}")
        endless.kill()
    assert "more than 10,000 bytes are too many for an mdlcodec file" in line


def test_every_changed_byte_through_the_api() -> None:
    for position in range(len(BLOB)):
        for value in range(256):
            damaged = BLOB[:position] + bytes([value]) + BLOB[position + 1 :]
            if damaged != BLOB:
                with pytest.raises(MdlcodecError):
                    mdlcodec.decode(damaged, X)


def test_every_truncation_through_the_api() -> None:
    for length in range(len(BLOB)):
        with pytest.raises(MdlcodecError):
            mdlcodec.decode(BLOB[:length], X)


def test_every_changed_byte_with_a_valid_checksum_gives_labels_or_an_error() -> None:
    for position in range(4, len(BLOB) - 4):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            framed = bytearray(BLOB[:-4])
            framed[position] ^= mask
            blob = bytes(framed) + zlib.crc32(framed).to_bytes(4, "little")
            try:
                found = mdlcodec.decode(blob, X, max_work=MOST_WORK)
            except MdlcodecError:
                continue
            assert found.shape == (N,)


def test_limits_hold_in_the_api() -> None:
    with pytest.raises(LimitExceeded, match=r"max_work in Python"):
        mdlcodec.encode(X, Y, max_work=0)
    with pytest.raises(LimitExceeded, match=r"max_memory in Python"):
        mdlcodec.encode(X, Y, max_memory=0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "data.npz", "-o", "new.mdl"],
        ["decode", "data.mdl", "--inputs", "data.npz", "-o", "new.npy"],
        ["test", "data.mdl", "--inputs", "data.npz"],
    ],
)
def test_a_device_that_is_not_there(
    arguments: list[str], no_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MDLCODEC_ENGINE", raising=False)
    line = fails(2, *arguments, "--device", "cuda:77")
    assert "cannot compute on cuda:77: torch finds " in line
    assert line.endswith(" here; the CPU computes the same bytes")
    assert "no device named 'tpu'; choose one of auto, cpu, cuda, cuda:N" in fails(
        2, *arguments, "--device", "tpu"
    )
