"""Work shared between threads: `mdlcodec.exact.shared_work` against `numba.prange`, the same kernel in one run.

    python bench/shared_work.py [--threads N] [--repeats N] [-o bench/results/shared_work]

Sizes are those of a training step's kernels. Each is called alone, again and again; in turn with a product of
torch's, as in training; and in turn with it while another process keeps a core busy. Measurements alternate (A B
A B ...), medians are reported, and only the kernel's own time counts. Compiling, loading from the cache, a fork
and callers in several threads are tried in processes of their own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from machine import instruction_sets, machine
from numba import njit, prange

from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import in_parts

SIZES = (200_000, 2_000_000, 20_000_000)  # multiply-adds
WIDTH = 64
A_ROW = WIDTH * WIDTH  # multiply-adds
PARTS = 2  # for each thread, as `threads.part_size` has it
SEED = 0


@njit(cache=True, nogil=True)
def _rows(a, b, out, first, last):
    for i in range(first, last):
        row = out[i]
        row[:] = 0.0
        for k in range(WIDTH):
            for j in range(WIDTH):
                row[j] += a[i, k] * b[k, j]


@njit(cache=True, nogil=True)
def _rows_shared(job, count, each, *arguments):
    return share(job, *entry(_rows, arguments), count, each)


@njit(cache=True, nogil=True, parallel=True)
def _rows_prange(a, b, out, parts):
    each = (a.shape[0] + parts - 1) // parts
    for part in prange(parts):
        _rows(a, b, out, part * each, min(a.shape[0], (part + 1) * each))


def _operands(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random, rows = np.random.default_rng(SEED), max(1, size // A_ROW)
    a = random.normal(size=(rows, WIDTH)).astype(np.float32)
    return a, random.normal(size=(WIDTH, WIDTH)).astype(np.float32), np.empty((rows, WIDTH), np.float32)


def _variants(size: int, threads: int) -> dict[str, Callable[[], object]]:
    operands, parts = _operands(size), PARTS * threads
    rows = len(operands[0])
    return {
        "one thread": lambda: _rows(*operands, 0, rows),
        "shared work": lambda: in_parts(_rows, _rows_shared, operands, rows, -(-rows // parts)),
        "prange": lambda: _rows_prange(*operands, parts),
    }


def _alternating(
    calls: list[Callable[[], object]], between: Callable[[], object], repeats: int
) -> list[list[float]]:
    """Seconds of each call, one for each repeat; ``between`` runs before every one and is not counted."""
    counts = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        counts.append(max(1, min(100, int(0.01 / max(1e-6, time.perf_counter() - start)))))
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, count, kept in zip(calls, counts, times, strict=True):
            spent = 0.0
            for _ in range(count):
                between()
                start = time.perf_counter()
                call()
                spent += time.perf_counter() - start
            kept.append(spent / count)
    return times


def speeds(threads: int, repeats: int) -> list[dict[str, Any]]:
    """Seconds of each variant at each size, in each surrounding."""
    left = torch.from_numpy(np.random.default_rng(SEED).normal(size=(128, 784)).astype(np.float32))
    right = torch.from_numpy(np.random.default_rng(SEED).normal(size=(784, 300)).astype(np.float32))
    surroundings: list[tuple[str, Callable[[], object], bool]] = [
        ("alone", lambda: None, False),
        ("after torch's product", lambda: torch.mm(left, right), False),
        ("after torch's product, a core busy", lambda: torch.mm(left, right), True),
    ]
    rows = []
    for name, between, busy in surroundings:
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
        try:
            for size in SIZES:
                variants = _variants(size, threads)
                found = _alternating(list(variants.values()), between, repeats)
                medians, fastest = (
                    {f"{key} {of}": pick(kept) for key, kept in zip(variants, found, strict=True)}
                    for of, pick in (("seconds", statistics.median), ("fastest seconds", min))
                )
                rows.append(
                    {
                        "surroundings": name,
                        "threads": threads,
                        "multiply_adds": size,
                        **medians,
                        **fastest,
                        "ratio": medians["prange seconds"] / medians["shared work seconds"],
                        "ratio of fastest": fastest["prange fastest seconds"]
                        / fastest["shared work fastest seconds"],
                    }
                )
        finally:
            if other is not None:
                other.kill()
                other.wait()
    return rows


_CALL = """
import sys, time
sys.path[:0] = [{bench!r}, {root!r}]
import shared_work as bench
start = time.perf_counter()
calls = bench._variants(2_000_000, 2)
calls["{name}"]()
print(time.perf_counter() - start)
"""
_FORK = """
import os
call = calls["{name}"]
child = os.fork()
if child == 0:
    call()
    os._exit(0)
print("works" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else "the child is killed")
"""
_CALLERS = """
import threading
def many():
    for _ in range(300):
        calls["{name}"]()
callers = [threading.Thread(target=many) for _ in range(4)]
for caller in callers: caller.start()
for caller in callers: caller.join()
print("works")
"""


def _tried(name: str, more: str, cache: str, layer: str = "default") -> str:
    """The last line that a process of its own prints, or how it ended."""
    where = Path(__file__).resolve().parent
    code = (_CALL + more).format(bench=str(where), root=str(where.parent), name=name)
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": cache,
        "NUMBA_THREADING_LAYER": layer,
        "NUMBA_NUM_THREADS": "2",
    }
    command = [sys.executable, "-c", "import torch; torch.set_num_threads(2)\n" + code]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "never ends"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return f"dies ({last[:90]})"
    return done.stdout.strip().splitlines()[-1]


def behaviour() -> list[dict[str, str]]:
    """Compiling and loading, a fork, callers in several threads."""
    rows = []
    for name, layer in (
        ("shared work", "default"),
        ("prange", "omp"),
        ("prange", "workqueue"),
        ("prange", "tbb"),
    ):
        with tempfile.TemporaryDirectory() as cache:
            first = _tried(name, "", cache, layer)
            if first.startswith("dies"):
                rows.append({"variant": f"{name}, {layer}", "first call": first})
                continue
            rows.append(
                {
                    "variant": name if name != "prange" else f"{name}, {layer}",
                    "first call": f"{float(first):.2f} s",
                    "from the cache": f"{float(_tried(name, '', cache, layer)):.2f} s",
                    "after a fork": _tried(name, _FORK, cache, layer),
                    "four callers": _tried(name, _CALLERS, cache, layer),
                }
            )
    return rows


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| surroundings | threads | multiply-adds | one thread, us | shared work, us | prange, us | ratio |"
        " fastest: one thread | shared work | prange | ratio |",
        "|---|" + "---:|" * 10,
    ]
    for row in rows:
        cells = [row["surroundings"], row["threads"], f"{row['multiply_adds']:,}"]
        for of, ratio in (("seconds", "ratio"), ("fastest seconds", "ratio of fastest")):
            cells += [f"{1e6 * row[f'{key} {of}']:.0f}" for key in ("one thread", "shared work", "prange")]
            cells.append(f"{row[ratio]:.2f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def main() -> None:
    """Measures, prints tables, writes files on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path, help="write OUTPUT.md and OUTPUT.json")
    chosen = parser.parse_args()
    load, rows = os.getloadavg(), []
    for threads in chosen.threads:
        torch.set_num_threads(threads)
        numba.set_num_threads(threads)
        rows += speeds(threads, chosen.repeats)
    layer, tried = numba.threading_layer(), behaviour()
    result = {
        **machine(),
        "instruction_sets": instruction_sets(),
        "load": load,
        "repeats": chosen.repeats,
        "threading_layer": layer,
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "numba": numba.__version__},
        "speeds": rows,
        "behaviour": tried,
    }
    keys = ["variant", "first call", "from the cache", "after a fork", "four callers"]
    lines = [
        "# Work shared between threads: shared_work against numba.prange",
        "",
        f"Medians of {chosen.repeats}, alternating; {result['processor']}, {result['cores']} cores, load "
        f"{load[0]:.1f} before it began; numba {numba.__version__}, its default threading layer {layer}. Ratio: "
        "prange / shared work, above 1 where shared work is faster. Fastest: of the repeats, us; on a machine that "
        "others use too, nearer to what a free one would show.",
        "",
        *_table(rows),
        "",
        "| " + " | ".join(keys) + " |",
        "|" + "---|" * len(keys),
        *("| " + " | ".join(row.get(key, "-") for key in keys) + " |" for row in tried),
        "",
    ]
    print("\n".join(lines))
    if chosen.output:
        chosen.output.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
        chosen.output.with_suffix(".md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
