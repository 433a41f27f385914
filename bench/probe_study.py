"""A study of many layers that is killed and goes on: how long it takes, and how busy its cores are.

    python bench/probe_study.py FOLDER -o bench/results/probe_study [--layers 12] [--n 5000] [--seeds 3] [--kill 28]

Layers are tanh of random projections, to 768 columns, of 64 numbers with more and more of one of 17 classes in
them; each is probed with a control task under all seeds. The first process is ended with SIGKILL once so many files
are there, and what it and its workers computed is counted nowhere; FOLDER must be empty.
"""

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from machine import machine

import mdlcodec

COLUMNS, CLASSES, HIDDEN, SEED = 768, 17, 64, 7


def layers(count: int, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """float32 (n, 768) by name, and classes int64 (n,)."""
    generator = np.random.default_rng(SEED)
    y = generator.integers(0, CLASSES, n)
    centres = generator.normal(size=(CLASSES, HIDDEN)).astype(np.float32)
    found = {}
    for number in range(count):
        hidden = centres[y] * (0.3 + 0.06 * number) + generator.normal(size=(n, HIDDEN)).astype(np.float32)
        weights = generator.normal(size=(HIDDEN, COLUMNS)).astype(np.float32) / 8
        found[f"layer {number}"] = np.tanh(hidden @ weights)
    return found, y


def study(given: argparse.Namespace) -> None:
    """Says how many files are done, then the table's rows."""
    found, y = layers(given.layers, given.n)
    table = mdlcodec.probe(
        found,
        y,
        control=True,
        seeds=given.seeds,
        folder=given.folder,
        progress=lambda done, of, text: print(done, of, flush=True),
    )
    print(json.dumps(table.to_pandas().to_dict("records")), flush=True)


def main() -> None:
    """Runs, kills, goes on, writes OUT.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kill", type=int, default=28, help="after so many files")
    given = parser.parse_args()
    if given.out is None:
        study(given)
        return
    if given.folder.exists() and any(given.folder.iterdir()):
        raise SystemExit(f"{given.folder} is not empty")
    command = [sys.executable, __file__, str(given.folder)]
    command += ["--layers", str(given.layers), "--n", str(given.n), "--seeds", str(given.seeds)]
    runs, rows = [], []
    for kill in (given.kill, None):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        first = last = None
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("["):
                    rows = json.loads(line)
                    continue
                last = int(line.split()[0])
                first = last if first is None else first
                if kill is not None and last >= kill:
                    process.send_signal(signal.SIGKILL)
                    break
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = time.perf_counter() - start
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append(
            {"first": first, "last": last, "seconds": round(seconds, 1), "cpu_seconds": round(busy, 1)}
        )
        print(json.dumps(runs[-1]), flush=True)
    asked = {name: vars(given)[name] for name in ("layers", "n", "seeds", "kill")}
    result = {"machine": machine(), "version": mdlcodec.__version__, **asked, "runs": runs, "rows": rows}
    given.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
