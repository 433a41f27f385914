"""The quick tests with the lowest versions of everything that pyproject.toml allows.

    python bench/lowest_versions.py [--python python3.11] [--keep FOLDER]

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
        for command in (install, tests):
            code = subprocess.run(command, cwd=_ROOT, check=False).returncode
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
