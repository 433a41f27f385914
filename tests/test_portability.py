"""The same bytes and weights whatever the threads, the instruction set, the engine and the coder's backend.

bench/portability.py is the long version, with other versions of torch and other processors.
"""

import json
from pathlib import Path

import pytest
from portability_settings import INSTRUCTIONS, Setting, run

# the first compiles for itself, meanwhile another process of the tests compiles what the others need
SETTINGS = [
    Setting(
        "old instructions, numba coder",
        "SSE4.1",
        environment={"MDLCODEC_ENGINE": "int8", "MDLCODEC_CODER": "numba"},
        arguments=("--predicted-at-once", "3"),
    ),
    Setting("one thread", environment={"MDLCODEC_ENGINE": "float64"}),
    # numba is left alone here: compiling for another processor takes most of this test's time
    Setting(
        "two threads, AVX2, guard",
        threads=2,
        environment={
            "MDLCODEC_ENGINE": "int16",
            "MDLCODEC_GUARD": "1",
            **{name: value for name, value in INSTRUCTIONS["AVX2"].items() if not name.startswith("NUMBA")},
        },
    ),
]
# fewer than the sets have: two minutes for all of this
LABELS = ("--labels", "16", "--texts", "prose, 1")


def _run(setting: Setting, action: str, folder: Path, caches: Path, *more: str) -> None:
    # all instructions: what this interpreter's numba keeps anyway
    done = run(
        setting, action, str(folder), *LABELS, *more, caches=None if setting.instructions == "all" else caches
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A folder of files for each setting."""
    folders = [tmp_path_factory.mktemp(f"setting{number}") for number in range(len(SETTINGS))]
    for setting, folder in zip(SETTINGS, folders, strict=True):
        _run(setting, "encode", folder, tmp_path_factory.getbasetemp() / "numba")
    return folders


def test_the_same_bytes_everywhere(encoded):
    first, *others = [{file.name: file.read_bytes() for file in folder.glob("*.mdl")} for folder in encoded]
    assert len(first) >= 5
    assert all(other == first for other in others)


def test_the_same_weights_everywhere(encoded):
    first, *others = [json.loads((folder / "observed.json").read_text()) for folder in encoded]
    assert sum(map(len, first["weights"].values())) >= 10
    for other in others:
        assert other["seen"] == first["seen"]
        assert other["weights"] == first["weights"]
        assert other["contracted"] == 0


def test_the_settings_took_effect(encoded):
    """On x86; elsewhere there is nothing to choose from."""
    old, every, middle = [
        json.loads((folder / "observed.json").read_text())["description"] for folder in encoded
    ]
    if every["machine"] not in ("x86_64", "AMD64"):
        pytest.skip("instruction sets are x86's")
    assert old["aten"] == "DEFAULT"
    assert not {"AVX2", "X86_V3", "X86_V4", "AVX512F"} & set(old["numpy"])
    assert middle["aten"] in ("AVX2", "DEFAULT")
    assert not {"X86_V4", "AVX512F"} & set(middle["numpy"])
    assert (every["threads"], middle["threads"]) == (1, 2)
    assert old["numba"]["features"] == ["sse2", "sse4.1"]


def test_files_decode_under_another_setting(encoded, tmp_path_factory):
    """A third of them; bench/portability.py decodes all."""
    _run(SETTINGS[0], "decode", encoded[1], tmp_path_factory.getbasetemp() / "numba", "--every", "3")
