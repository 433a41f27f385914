"""Two checkouts side by side, in one run: training steps against float32, and whole encodes with their bytes.

    python bench/before_after.py OLD NEW [--mnist FOLDER [--long]] [--rounds N] [--encodes N] [--threads N]
                                 [-o bench/results/before_after]

Measurements alternate (A B A B ...), each in a process of its own, after one of each that nobody counts: it
compiles. Reported are medians. Both checkouts run under this interpreter.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import processor

# what is encoded: the command line, behind `mdlcodec encode`
DIGITS = (
    "digits",
    "digits --code prequential",
    "digits --net cnn -1",
    "digits --code two-part-raw -1",
    "digits --code two-part -1",
    "digits --code subspace -1",
    "digits --code variational -1",
)
MNIST = ("{mnist} --net cnn --limit 2500 -3",)
LONG = ("{mnist} --net cnn --limit 10000",)  # minutes each


class Checkout:
    """A folder with the sources, and a cache of compiled functions of its own."""

    def __init__(self, folder: Path, scratch: Path, threads: int) -> None:
        self._folder, self._scratch = folder.absolute(), scratch
        self._environment = dict(
            os.environ,
            PYTHONPATH=str(self._folder),
            OMP_NUM_THREADS=str(threads),
            NUMBA_CACHE_DIR=str(scratch / "compiled"),
        )
        scratch.mkdir()

    def revision(self) -> str:
        """The commit that is checked out."""
        command = ["git", "-C", str(self._folder), "rev-parse", "--short", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        subprocess.run(
            command, cwd=self._scratch, env=self._environment, check=True, stdout=subprocess.DEVNULL
        )

    def steps(self, threads: int) -> dict[str, tuple[float, float]]:
        """Seconds of a training step by network: exact, and exact divided by float32."""
        file = self._scratch / "engines.json"
        bench = str(self._folder / "bench" / "engines.py")
        self._run(bench, "--quick", "--threads", str(threads), "--json", str(file))
        told = json.loads(file.read_text())
        engine = told["engine"]
        return {row["network"]: (row[f"{engine}_seconds"], row["ratio"]) for row in told["steps"]}

    def encode(self, arguments: list[str]) -> tuple[float, bytes]:
        """(seconds, the file)."""
        file = self._scratch / "labels.mdl"
        start = time.perf_counter()
        self._run("-m", "mdlcodec", "encode", *arguments, "-f", "-o", str(file), "--quiet", "--no-verify")
        return time.perf_counter() - start, file.read_bytes()


def _medians(rows: list[list[float]]) -> list[float]:
    return [statistics.median(row) for row in rows]


def steps(checkouts: list[Checkout], rounds: int, threads: int) -> list[dict[str, object]]:
    """Rows of training steps, medians over rounds."""
    told = [[checkout.steps(threads) for checkout in checkouts] for _ in range(rounds + 1)][1:]
    rows: list[dict[str, object]] = []
    for network in told[0][0]:
        seconds = _medians([[pair[i][network][0] for pair in told] for i in range(2)])
        ratios = _medians([[pair[i][network][1] for pair in told] for i in range(2)])
        rows.append({"network": network, "seconds": seconds, "to_float32": ratios})
    return rows


def encodes(checkouts: list[Checkout], commands: list[str], rounds: int) -> list[dict[str, object]]:
    """Rows of encodes: bytes, whether the files are the same, medians of seconds."""
    rows: list[dict[str, object]] = []
    for command in commands:
        arguments = command.split()
        files = [checkout.encode(arguments)[1] for checkout in checkouts]
        seconds = [[checkout.encode(arguments)[0] for checkout in checkouts] for _ in range(rounds)]
        rows.append(
            {
                "command": " ".join(Path(word).name if "/" in word else word for word in arguments),
                "bytes": [len(file) for file in files],
                "same_file": files[0] == files[1],
                "seconds": _medians([[pair[i] for pair in seconds] for i in range(2)]),
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def markdown(told: dict) -> str:
    """The table as people read it."""
    lines = [
        f"# {told['revisions'][0]} and {told['revisions'][1]} side by side",
        "",
        f"{told['machine']}, threads: {told['threads']}, alternating: medians of {told['rounds']} for steps, of "
        f"{told['encodes_rounds']} for encodes.",
        "",
        "| training step | before, ms | after, ms | after / before | before / float32 | after / float32 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in told["steps"]:
        (a, b), (c, d) = row["seconds"], row["to_float32"]
        lines.append(
            f"| {row['network']} | {a * 1e3:.2f} | {b * 1e3:.2f} | {b / a:.2f} | {c:.2f} | {d:.2f} |"
        )
    lines += [
        "",
        "| encode | bytes before | after | same file | before, s | after, s | after / before |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for row in told["encodes"]:
        (a, b), (x, y) = row["seconds"], row["bytes"]
        same = "yes" if row["same_file"] else "no"
        lines.append(f"| {row['command']} | {x:,} | {y:,} | {same} | {a:.1f} | {b:.1f} | {b / a:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--mnist", type=Path, help="a folder of MNIST's files; without it, digits alone")
    parser.add_argument("--long", action="store_true", help="of MNIST 10,000 labels, too")
    parser.add_argument("--rounds", type=int, default=7, help="of training steps")
    parser.add_argument("--encodes", type=int, default=3, help="rounds of encodes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="FILE.json and FILE.md")
    chosen = parser.parse_args()
    mnist = (*MNIST, *LONG) if chosen.long else MNIST
    mnist = [command.format(mnist=chosen.mnist.absolute()) for command in mnist] if chosen.mnist else []
    with tempfile.TemporaryDirectory() as scratch:
        checkouts = [
            Checkout(folder, Path(scratch) / str(i), chosen.threads)
            for i, folder in enumerate(chosen.checkouts)
        ]
        told = {
            "machine": processor(),
            "threads": chosen.threads,
            "rounds": chosen.rounds,
            "encodes_rounds": chosen.encodes,
            "seed": 0,
            "revisions": [checkout.revision() for checkout in checkouts],
            "steps": steps(checkouts, chosen.rounds, chosen.threads),
            "encodes": encodes(checkouts, [*DIGITS, *mnist], chosen.encodes),
        }
    text = markdown(told)
    print(text)
    if chosen.output:
        chosen.output.with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n")
        chosen.output.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
