"""The quick tests with the lowest versions of everything that pyproject.toml allows.

    python bench/lowest_versions.py [--python python3.11] [--keep FOLDER] [-o bench/results/lowest_versions.md]

Makes a virtual environment with the versions in bench/lowest-versions.txt and runs tests in it. It needs the
network, some gigabytes of disk, and a Python that those versions have packages for (3.10 to 3.12); so it is no part
of the tests, and says nothing about versions for which it was not run. torch needs a typing_extensions above the
lowest that the package itself allows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_CONSTRAINTS = Path(__file__).with_name("lowest-versions.txt")
# what meets the libraries' interfaces, and every golden file's receiver
QUICK = (
    "test_checkpoints.py",
    "test_cli.py",
    "test_cli_errors.py",
    "test_cli_outputs.py",
    "test_container.py",
    "test_data.py",
    "test_data_table.py",
    "test_entropy.py",
    "test_engines.py",
    "test_exact_functions.py",
    "test_graph.py",
    "test_processor_state.py",
    "test_receiver.py",
    "test_self_test.py",
    "test_twins.py",
    "test_weight_files.py",
)


def main() -> int:
    """Exit code of pip or pytest, whichever fails first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the tests")
    parser.add_argument("--keep", type=Path, help="make the environment in this folder, and leave it there")
    parser.add_argument("-o", "--output", type=Path, help="write what was run, and what came of it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        environment = arguments.keep or Path(scratch) / "lowest"
        subprocess.run([arguments.python, "-m", "venv", environment], check=True)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        install = [
            python,
            "-m",
            "pip",
            "install",
            "--constraint",
            _CONSTRAINTS,
            "--editable",
            f"{_ROOT}[test]",
        ]
        tests = [python, "-m", "pytest", "-q", *(_ROOT / "tests" / name for name in QUICK)]
        code = subprocess.run(install, cwd=_ROOT, check=False).returncode
        if code:
            return code
        done = subprocess.run(tests, cwd=_ROOT, check=False, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="")
        if arguments.output is not None:
            listed = [python, "-m", "pip", "freeze", "--exclude-editable"]
            versions = subprocess.run(listed, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            _write(arguments.output, done.stdout.strip().splitlines()[-1], versions)
        return done.returncode


def _write(path: Path, result: str, versions: list[str]) -> None:
    lines = _CONSTRAINTS.read_text().splitlines()
    lowest = {line for line in lines if line and not line.startswith("#")}
    others = [version for version in versions if version not in lowest]
    path.write_text(
        "# The lowest versions of everything\n\n"
        f"`bench/lowest_versions.py`, Python {sys.version.split()[0]}: {result}\n\n"
        f"Asked for: {', '.join(sorted(lowest))}.\n\nInstalled besides: {', '.join(others)}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
