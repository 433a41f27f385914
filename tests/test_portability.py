"""The same bytes whatever the thread count, the instruction set, the engine and the coder's backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NUMPY_FEATURES = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3"
SETTINGS = {
    "one thread, float64 engine": {"OMP_NUM_THREADS": "1", "MDLCODEC_ENGINE": "float64"},
    "old instructions, numba coder": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MDLCODEC_ENGINE": "int8",
        "MDLCODEC_CODER": "numba",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
    },
    "two threads, AVX2, int8 engine, guard": {
        "OMP_NUM_THREADS": "2",
        "NUMBA_NUM_THREADS": "2",
        "MDLCODEC_ENGINE": "int8",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MDLCODEC_GUARD": "1",
    },
}


def _disabled_features() -> str:
    """Those of numpy's optional features that this machine has and this numpy lets one disable."""
    from numpy._core import _multiarray_umath as core

    return " ".join(name for name in NUMPY_FEATURES.split() if name in core.__cpu_dispatch__)


def _run(action: str, folder: Path, setting: dict[str, str], cache: Path) -> None:
    environment = {**os.environ, **setting, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}
    if "ATEN_CPU_CAPABILITY" in setting:
        environment["NPY_DISABLE_CPU_FEATURES"] = _disabled_features()
    if "NUMBA_CPU_NAME" in setting:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [
        sys.executable,
        "-W",
        "ignore::ImportWarning",
        str(HERE / "portability_worker.py"),
        action,
        str(folder),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Folder of files for each setting."""
    folders = {}
    for number, (name, setting) in enumerate(SETTINGS.items()):
        folders[name] = tmp_path_factory.mktemp(f"setting{number}")
        _run("encode", folders[name], setting, tmp_path_factory.getbasetemp() / "numba")
    return folders


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.mdl")}


def test_the_same_bytes_everywhere(encoded):
    first, *others = [_files(folder) for folder in encoded.values()]
    assert len(first) >= 5
    assert all(other == first for other in others)


def test_files_decode_under_another_setting(encoded, tmp_path_factory):
    name = "old instructions, numba coder"
    _run("decode", encoded[next(iter(SETTINGS))], SETTINGS[name], tmp_path_factory.getbasetemp() / "numba")
