"""Files that nobody would write, with right checksums, as every command reads them: is anything mishandled?

    python bench/fuzz.py [--minutes M] [--seed N] [--workers W] [--bounds-check SHARE] [--kept FOLDER]
                         [--only KIND] [-o bench/results/fuzz.md]
    python bench/fuzz.py --repeat FILE...

Cases come from golden files and other small files of every kind (bench/fuzzing/seeds.py), changed field by
field and byte by byte, their checksums made right again (bench/fuzzing/cases.py). Each is a command with small
limits, run in a process that runs many. Mishandled is: an error that is none of the program's, a process that
dies or hangs, an error of more than one line or with control characters, labels or tensors that are not the
file's, files left behind, and more memory or time than the limits and a tenth (bench/fuzzing/worker.py). Such
cases are kept, and can be repeated.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psutil
from fuzzing.case import Case, Outcome
from fuzzing.worker import serve
from machine import processor

ROOT = Path(__file__).parents[1]
# seconds in which every case ends: of the processor, as others may want it too, and by the clock
HANGS, WAITS = 90.0, 900.0
FEW_CASES = 4000  # in one process
BEFORE = "## What was mended before"


class Worker:
    """A process that runs cases, and is started again when it is gone."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._cases = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        os.environ.update(self._environment)
        self._process = context.Process(target=serve, args=(theirs, self._environment), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, case: Case) -> Outcome:
        """Its outcome."""
        self._cases += 1
        if self._cases % FEW_CASES == 0:
            self.end()
            self._start()
        try:
            self._connection.send(case)
            process = psutil.Process(self._process.pid)
            start, busy = time.monotonic(), sum(process.cpu_times()[:2])
            while not self._connection.poll(1.0):
                ran = sum(process.cpu_times()[:2]) - busy
                if ran > HANGS or time.monotonic() - start > WAITS:
                    break
            else:
                return self._connection.recv()
            wrong = f"it runs for more than {HANGS:.0f} s, or waits for more than {WAITS:.0f} s"
        except (EOFError, OSError, psutil.Error):
            self._process.join(10)
            wrong = f"the process died: exit code {self._process.exitcode}"
        self.end()
        self._start()
        return Outcome("ended", [wrong])

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


class Totals:
    """What all workers saw."""

    def __init__(self, kept: Path) -> None:
        self.kept = kept
        self.stages: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.sites: set[str] = set()
        self.wrong: collections.Counter[str] = collections.Counter()
        self.seconds = self.longest = 0.0
        self.cases = 0
        self.memory = 0.0
        self.lock = threading.Lock()

    def add(self, case: Case, outcome: Outcome, number: str) -> None:
        """One more."""
        with self.lock:
            self.cases += 1
            self.stages[case.kind][outcome.stage] += 1
            self.sites.add(outcome.site)
            self.seconds += outcome.seconds
            self.memory = max(self.memory, outcome.memory / case.memory if case.memory > 1 << 25 else 0.0)
            self.longest = max(self.longest, outcome.seconds)
            if outcome.wrong:
                self.kept.mkdir(parents=True, exist_ok=True)
                path = self.kept / f"{case.kind}-{number}.zip"
                path.write_bytes(case.written())
                self.wrong[outcome.wrong[0].partition(":")[0][:80]] += 1
                print(
                    f"{path}: {case.name}: {' '.join(case.command())}\n  {outcome.wrong}\n  {outcome.site}",
                    flush=True,
                )


def _worked(seeds: object, options: argparse.Namespace, worker: int, totals: Totals, end: float) -> None:
    from fuzzing.cases import cases

    checked = worker >= 0 and random.Random(worker + options.seed).random() < options.bounds_check
    current, number = Worker(_environment(checked)), 0
    period = time.monotonic()
    while time.monotonic() < end:
        rng = random.Random(f"{options.seed} {worker} {number}")
        case = cases(seeds, rng, options.only)  # type: ignore[arg-type]
        totals.add(case, current.run(case), f"{options.seed}-{worker}-{number}")
        number += 1
        if time.monotonic() - period > 60 * options.period:  # for a part of the time, with bounds checked
            period = time.monotonic()
            current.end()
            checked = random.Random(f"{options.seed} {number}").random() < options.bounds_check
            current = Worker(_environment(checked))
    current.end()


def _environment(checked: bool) -> dict[str, str]:
    return {
        "NUMBA_BOUNDSCHECK": "1" if checked else "0",
        "OMP_NUM_THREADS": "1",
        "MDLCODEC_CHECKPOINT_SECONDS": "3600",
    }


def _text(totals: Totals, options: argparse.Namespace, commit: str, minutes: float) -> str:
    stages = [
        "frame",
        "header",
        "reader",
        "inputs",
        "limits",
        "checkpoint",
        "payload",
        "digest",
        "done",
        "ended",
    ]
    used = [stage for stage in stages if any(counts[stage] for counts in totals.stages.values())]
    lines = [
        "# Fuzzing with right checksums",
        "",
        f"`bench/fuzz.py --minutes {options.minutes:g} --seed {options.seed}`, "
        f"commit {commit}, {processor()}: {totals.cases:,} cases in {minutes:.0f} minutes of "
        f"{options.workers} worker(s), bounds checked in about {options.bounds_check:.0%} "
        "of the time.",
        "",
        f"**{sum(totals.wrong.values())} mishandled**, and so of them above a limit by more than a tenth: "
        f"{sum(count for what, count in totals.wrong.items() if what.startswith('above'))}. The most memory was "
        f"{totals.memory:.2f} of what was allowed (of limits of 32 MiB and more), the longest took "
        f"{totals.longest:.1f} s. They were refused at {len(totals.sites):,} places in the package.",
        "",
        "How far they came: refused by the frame, by a field of the header, by the reader of data or weights, "
        "for other inputs, by the limits, in the checkpoint, in the payload, by the digest of the labels at the "
        "end; or done, with a result that was checked.",
        "",
        f"| kind | cases | {' | '.join(used)} |",
        f"|---|---:|{'---:|' * len(used)}",
    ]
    for kind, counts in sorted(totals.stages.items()):
        cells = " | ".join(f"{counts[stage]:,}" for stage in used)
        lines.append(f"| {kind} | {sum(counts.values()):,} | {cells} |")
    lines += ["", *(f"- {count} times: {what}" for what, count in totals.wrong.items())]
    return "\n".join(lines).rstrip() + "\n"


def _repeated(paths: list[Path]) -> None:
    for path in paths:
        case, worker = Case.read(path), Worker(_environment(False))
        outcome = worker.run(case)
        worker.end()
        print(f"{path}: mdlcodec {' '.join(case.command())}\n  {outcome}")
        for wrong in outcome.wrong:
            print(wrong)


def _commit() -> str:
    """Which one the package is of."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _write(path: Path, text: str) -> None:
    """The results, before what people wrote behind them."""
    if path.exists():
        _, head, before = path.read_text().partition(BEFORE)
        text += f"\n{head}{before}" if head else ""
    path.write_text(text)


def main() -> None:
    """Run it, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--bounds-check", type=float, default=0.2, metavar="SHARE", help="of the time")
    parser.add_argument("--period", type=float, default=10.0, help="minutes of a process with or without")
    parser.add_argument("--only", metavar="KIND", help="cases of one kind, as text")
    parser.add_argument("--kept", type=Path, default=Path(tempfile.gettempdir()) / "mdlcodec-fuzz")
    parser.add_argument("--repeat", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.repeat:
        _repeated(options.repeat)
        return
    from fuzzing.seeds import collect

    seeds, totals, start = collect(random.Random(options.seed)), Totals(options.kept), time.monotonic()
    end, commit = start + 60 * options.minutes, _commit()
    threads = [
        threading.Thread(target=_worked, args=(seeds, options, worker, totals, end))
        for worker in range(options.workers)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(5)
        with totals.lock:
            text = _text(totals, options, commit, (time.monotonic() - start) / 60)
        if options.output is not None:
            _write(options.output, text)
    print(text, end="")
    if totals.wrong:
        sys.exit(f"mishandled cases are in {options.kept}")


if __name__ == "__main__":
    main()
