"""Where results go: never over what is read, into pipes and devices too; and what a killed process leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from mdlcodec.cli import main
from mdlcodec.cli.files import is_stdout, is_stream
from mdlcodec.files.temporary import temporary_file, temporary_folder
from mdlcodec.report.parent import PARENT

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
UNIFORM = ["--code", "uniform", "--no-verify", "-1"]
N = 30


def idx(array: np.ndarray) -> bytes:
    shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with images as MNIST's."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    images = np.arange(N * 4).reshape(N, 2, 2) % 256
    for name in ("train", "t10k"):
        Path(f"images/{name}-images-idx3-ubyte").write_bytes(idx(images))
        Path(f"images/{name}-labels-idx1-ubyte").write_bytes(idx(np.arange(N) % 3))
    np.savez("data.npz", x=images, y=np.arange(N) % 3)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stderr


@posix
@pytest.mark.parametrize("source", ["images", "images/train-images-idx3-ubyte"])
@pytest.mark.parametrize("file", ["train-images", "train-labels", "t10k-images", "t10k-labels"])
@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_what_is_read_is_not_overwritten(
    source: str, file: str, link: Callable[[Path, str], None] | None
) -> None:
    path = next(Path("images").absolute().glob(f"{file}*"))
    before, output = path.read_bytes(), str(path)
    if link is not None:
        link(path, output := "another-name")
    exit_code, line = run("encode", source, *UNIFORM, "-f", "-o", output)
    assert (exit_code, line) == (
        2,
        f"mdlcodec: {output!r} is read and would be overwritten; choose another -o\n",
    )
    assert path.read_bytes() == before


@posix
def test_what_a_folder_links_to_is_read() -> None:
    Path("images/train-images-idx3-ubyte").rename("elsewhere")
    Path("images/train-images-idx3-ubyte").symlink_to(Path("elsewhere").absolute())
    Path("images/round").symlink_to(Path("images").absolute())
    assert "is read and would be overwritten" in run("encode", "images", *UNIFORM, "-f", "-o", "elsewhere")[1]


def test_a_new_file_may_lie_in_the_folder_of_the_data() -> None:
    assert run("encode", "images", *UNIFORM, "-o", "images/new.mdl")[0] == 0


@posix
def test_a_pipe_is_written_to() -> None:
    assert run("encode", "data.npz", *UNIFORM)[0] == 0
    os.mkfifo("pipe")
    exit_code, line = run("encode", "data.npz", *UNIFORM, "-o", "pipe")
    assert (exit_code, line) == (
        2,
        "mdlcodec: 'pipe' cannot be written to (nobody reads from it); choose another -o\n",
    )
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run("encode", "data.npz", *UNIFORM, "-o", "pipe")[0] == 0
    assert os.read(reader, 10_000) == Path("data.mdl").read_bytes()
    assert run("decode", "data.mdl", "--inputs", "data.npz", "-o", "pipe")[0] == 0
    assert os.read(reader, 10_000).startswith(b"\x93NUMPY")
    os.close(reader)


@posix
def test_names_of_stdout() -> None:
    assert is_stdout("-")
    assert not is_stdout("data.npz")
    assert not is_stdout(None)
    assert is_stream("/dev/null")
    assert not is_stream("data.npz")
    assert not is_stream("nothing")
    code = "from mdlcodec.cli.files import is_stdout; assert is_stdout('/dev/stdout')"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)


@posix
def test_names_too_long_are_refused_before_anything_is_encoded() -> None:
    exit_code, line = run("encode", "data.npz", *UNIFORM, "-o", "x" * 300)
    assert exit_code == 2
    assert line.endswith("cannot be written (File name too long); choose another -o\n")


def test_what_no_file_can_hold_is_known_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    from mdlcodec.codes.uniform import UniformClasses

    def encode(*_: object) -> None:
        raise AssertionError("began to encode")

    monkeypatch.setattr(UniformClasses, "encode", encode)
    rows = "".join(f"{i},{i % 3}\n" for i in range(N))
    Path("table.csv").write_text(f"a,{'x' * 70_000}\n{rows}")
    exit_code, line = run("encode", "table.csv", "--header", "yes", *UNIFORM)
    assert (exit_code, line) == (
        2,
        "mdlcodec: the name of column 1 has more than 65536 bytes: shorten it\n",
    )


@posix
def test_only_what_nobody_holds_is_cleared(folder: Path) -> None:
    stale = Path(".mdlcodec-0123456789abcdef.tmp")
    stale.touch()
    Path(".mdlcodec-mine.tmp").touch()
    with temporary_file(folder) as first, temporary_file(folder) as second:
        assert first.exists()
        assert second.exists()
        assert not stale.exists()
    assert sorted(path.name for path in folder.glob(".*")) == [".mdlcodec-mine.tmp"]


@posix
def test_temporary_folders_are_cleared_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    stale = Path("mdlcodec-run-0123456789abcdef")
    stale.mkdir()
    (stale / "labels.npy").touch()
    with temporary_folder() as first, temporary_folder() as second:
        assert first.is_dir()
        assert second.is_dir()
        assert not stale.exists()
    assert not list(folder.glob("mdlcodec-run-*"))


CHILD = "import time; from mdlcodec.report.parent import end_with_parent; end_with_parent(); "
CHILD += "print('ready', flush=True); time.sleep(60)"


def test_a_child_ends_when_its_pipe_does() -> None:
    environment = os.environ | {PARENT: str(os.getpid())}
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a signal for that")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    start = (
        "import os, subprocess, sys, time\n"
        f"environment = os.environ | {{{PARENT!r}: str(os.getpid())}}\n"
        f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}], env=environment)\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == b"ready\n"
        parent.send_signal(signal.SIGKILL)
        # before the pipe is closed, which would end it too
        deadline = time.monotonic() + 30
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_that_cannot_be_written_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-m", "mdlcodec", *arguments]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "mdlcodec: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("output", "name"), [("-", "standard output"), ("/dev/full", "'/dev/full'")])
def test_labels_that_cannot_be_written_are_one_line(output: str, name: str) -> None:
    program = [sys.executable, "-m", "mdlcodec", "encode", "data.npz", *UNIFORM, "-o", output, "--quiet"]
    with open("/dev/full" if output == "-" else os.devnull, "wb") as stdout:
        done = subprocess.run(program, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    line = f"mdlcodec: {name} cannot be written to (No space left on device); choose another -o\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_names_that_stdout_lacks_are_escaped() -> None:
    assert run("encode", "data.npz", *UNIFORM, "-o", "\u65e5.mdl")[0] == 0
    for encoding in ("ascii", "latin-1"):
        done = subprocess.run(
            [sys.executable, "-m", "mdlcodec", "list", "\u65e5.mdl"],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\u65e5.mdl" in done.stdout or "\u65e5.mdl".encode() in done.stdout


@pytest.mark.parametrize("value", ["0", "-1", "two", "", "1e9", "99999999999"])
def test_numbers_of_threads_that_numba_would_fail_with(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    exit_code, line = run("encode", "data.npz", *UNIFORM)
    assert exit_code == 2
    assert line.startswith(f"mdlcodec: NUMBA_NUM_THREADS={value!r} is no number of threads from 1 to ")
    assert line.count("\n") == 1


def test_numba_that_compiles_nothing_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mdlcodec", "encode", "data.npz", "--net", "kernel", "-o", "new"],
        capture_output=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        check=False,
        text=True,
    )
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "NUMBA_DISABLE_JIT" in done.stderr
