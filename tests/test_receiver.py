"""A receiver needs nothing that senders alone do: golden files decode without those folders."""

import shutil
import subprocess
import sys
from pathlib import Path

import receiver_worker

import mdlcodec

HERE = Path(__file__).parent
ALONE = ("sender", "observe", "studies")


def test_golden_files_decode_without_what_senders_alone_do(tmp_path):
    package = tmp_path / "mdlcodec"
    shutil.copytree(Path(mdlcodec.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ALONE:
        shutil.rmtree(package / folder, ignore_errors=folder != "sender")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(HERE)!r}]\n"
        "import mdlcodec, receiver_worker\n"
        f"assert mdlcodec.__file__.startswith({str(tmp_path)!r})\n"
        "print(receiver_worker.main())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    files = [
        path for path in receiver_worker.GOLDEN.rglob("*") if path.suffix in (".mdl", ".section", ".bin")
    ]
    payloads = len(receiver_worker.CASES) + len(receiver_worker.SWITCHED)
    assert int(told.stdout) == len(files) + payloads
