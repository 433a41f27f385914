"""Every golden file through the second decoder (formats/decoder/): python bench/second_decoder.py.

The checks are those of tests/test_second_decoder.py, with the slow ones. Writes bench/results/second_decoder.md.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from machine import processor
from test_second_decoder import CHECKS

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Runs all checks, and records the seconds of each; 1 if one fails."""
    lines = ["# The second decoder", "", f"{processor()}, numpy {np.__version__}.", ""]
    lines += ["| golden | bit for bit | CPU seconds |", "|---|---|---|"]
    failures = 0
    for name, check in CHECKS.items():
        start, verdict = time.process_time(), "yes"
        try:
            check()
        except Exception as error:
            verdict, failures = f"no: {type(error).__name__}", failures + 1
        lines.append(f"| {name} | {verdict} | {time.process_time() - start:.1f} |")
        print(lines[-1], flush=True)
    lines += ["", f"{len(CHECKS) - failures} of {len(CHECKS)} agree."]
    (ROOT / "bench" / "results" / "second_decoder.md").write_text("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
