"""Runs that are killed by -9 at random and started again, against runs that are left alone: the same bytes?

    python bench/interrupted.py DATA [--examples N] [--kills N] [--every SECONDS] [--seed N]
                                [--options "--net cnn -1"] [-o bench/results/interrupted.md]

DATA is what `mdlcodec encode` takes, such as a folder with MNIST's files. `encode` (with its verification in a
fresh process) and `decode` are each killed so many times, at moments that are spread over the time that they take
alone, together with the processes that they started; each start is the same command.
"""

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import processor


def _started(arguments: list[str], folder: Path, every: float) -> subprocess.Popen[bytes]:
    environment = dict(os.environ, MDLCODEC_CHECKPOINT_SECONDS=str(every))
    command = [sys.executable, "-m", "mdlcodec", *arguments]
    # a group of its own, so that what it starts is killed with it
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)


def alone(arguments: list[str], folder: Path) -> float:
    """Seconds of a run that is left alone."""
    start = time.perf_counter()
    if _started(arguments, folder, 30.0).wait():
        sys.exit(f"mdlcodec {shlex.join(arguments)} failed")
    return time.perf_counter() - start


def killed(
    arguments: list[str], folder: Path, every: float, kills: int, seconds: float, chance: random.Random
) -> tuple[int, float]:
    """How many times it was killed, at most ``kills``, and the seconds of all runs."""
    start = time.perf_counter()
    for done in range(kills):
        process = _started(arguments, folder, every)
        try:
            # starting takes a few seconds; so many runs go on for about as long as one that is left alone
            code = process.wait(5.0 + chance.random() * 2.0 * seconds / kills)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            continue
        if code:
            sys.exit(f"mdlcodec {shlex.join(arguments)} failed after it was killed {done} times")
        return done, time.perf_counter() - start
    if _started(arguments, folder, every).wait():
        sys.exit(f"mdlcodec {shlex.join(arguments)} failed after it was killed {kills} times")
    return kills, time.perf_counter() - start


def main() -> None:
    """Run it all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between checkpoints")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--options", default="", help="of encode")
    parser.add_argument("-o", "--output", type=Path)
    told = parser.parse_args()
    chance, source = random.Random(told.seed), str(told.data.absolute())
    encode = ["encode", source, "--limit", str(told.examples), *shlex.split(told.options), "--quiet"]
    decode = ["decode", "file.mdl", "--inputs", source, "--quiet"]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = alone([*encode, "-o", "file.mdl"], folder)
        arguments = [*encode, "-o", "again.mdl", "-f", "--checkpoint", "state"]
        times, resumed = killed(arguments, folder, told.every, told.kills, seconds, chance)
        whole, again = (folder / "file.mdl").read_bytes(), (folder / "again.mdl").read_bytes()
        rows.append(("encode", seconds, times, resumed, len(whole), whole == again))
        seconds = alone([*decode, "-o", "labels.npy"], folder)
        arguments = [*decode, "-o", "again.npy", "-f", "--checkpoint", "state"]
        times, resumed = killed(arguments, folder, told.every, told.kills, seconds, chance)
        whole, again = (folder / "labels.npy").read_bytes(), (folder / "again.npy").read_bytes()
        rows.append(("decode", seconds, times, resumed, len(whole), whole == again))
        left = sorted(path.name for path in folder.iterdir())
    if left != ["again.mdl", "again.npy", "file.mdl", "labels.npy"]:
        sys.exit(f"left behind: {', '.join(left)}")
    command = f"bench/interrupted.py {told.data.name} --examples {told.examples} --kills {told.kills}"
    lines = [
        "# Runs that are killed and go on",
        "",
        f"`{command}{f' --options {shlex.quote(told.options)}' if told.options else ''}` on {processor()}; "
        f"a checkpoint at most every {told.every:g} s. `encode` decodes in a fresh process before it ends, and "
        "that is killed too.",
        "",
        "| command | alone | killed by -9 | all runs together | bytes | the same bytes |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for what, seconds, times, resumed, size, same in rows:
        answer = "yes" if same else "NO"
        lines.append(f"| {what} | {seconds:.0f} s | {times} times | {resumed:.0f} s | {size:,} | {answer} |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if told.output is not None:
        told.output.write_text(text)
    if not all(row[-1] for row in rows):
        sys.exit("other bytes came out")


if __name__ == "__main__":
    main()
