"""Files that are written and read in every state that a process may have put the processor in: the same bytes?

    python bench/processor_states.py [--threads N] [--only TEXT] [-o bench/results/processor_states.md]

States are flush-to-zero and denormals-are-zero, on or off, with each of the four roundings: sixteen. They are set
on the caller (threads that begin later have it too), or on the threads alone, which begin in it before the caller
is set right again. Every setting has a process of its own, which encodes the same sets, subnormal numbers among
their inputs, with three learners, real numbers and subnormal labels, and decodes what the first wrote. x86-64
Linux. Exit code 1 where a file is another, or does not decode.
"""

import argparse
import ctypes
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import processor

_FLUSH, _ZERO, _CLEAN = 0x8000, 0x40, 0x1F80
_ROUNDINGS = {"to nearest": 0, "down": 0x2000, "up": 0x4000, "to zero": 0x6000}
_WHERE = ("caller", "threads")
_REGISTER = slice(28, 32)  # of fenv_t, x86-64 glibc
SETS = ("kernel", "mlp", "cnn", "reals", "labels")


def set_state(value: int) -> None:
    """Sets the control and status register of this thread."""
    library = ctypes.CDLL(None)
    environment = (ctypes.c_char * 256)()
    library.fegetenv(ctypes.byref(environment))
    environment[_REGISTER] = value.to_bytes(4, "little")
    library.fesetenv(ctypes.byref(environment))


def example(name: str) -> tuple[np.ndarray, np.ndarray, dict]:
    """Inputs, labels and arguments of a set; made of integers, so that no state changes them."""
    bits = np.random.default_rng(3).integers
    n, shape = (40, (28, 28)) if name == "cnn" else (300, (60,))
    words = bits(0, 1 << 23, size=(n, *shape), dtype=np.int32)  # subnormal
    words[::2] += 0x3F000000  # and from a half to two
    x, first = words.view(np.float32), words.reshape(n, -1)[:, 0]
    classes = (first & 0x400000) // 0x400000
    if name == "labels":
        return x, (bits(0, 3, size=n) - 1 << 40).astype(np.int64).view(np.float64), {"code": "uniform"}
    if name == "reals":
        return x, (first & 1023) / 1024, {"target": "reals", "preset": 1}
    return x, classes, {"net": name, "preset": 1}


def work(threads: int) -> None:
    """Has the threads of torch and of the program begin, in this thread's state."""
    import torch

    from mdlcodec.exact import threads as crews

    torch.set_num_threads(threads)
    torch.ones(1 << 20).exp().sum()
    torch.ones(1 << 9, 1 << 9) @ torch.ones(1 << 9, 1 << 9)
    crews._crews[threads] = crews._Crew(threads - 1)


def child(value: int, where: str, threads: int, folder: Path) -> None:
    """One setting: prints the digests of its files, and whether it decoded the folder's."""
    set_state(value)
    if where == "threads":
        work(threads)
        set_state(_CLEAN)
    import torch

    import mdlcodec
    from mdlcodec.errors import MdlcodecError

    torch.set_num_threads(threads)
    results = {}
    for name in SETS:
        x, y, arguments = example(name)
        path = folder / name
        try:
            blob = mdlcodec.encode(x, y, **arguments)
            if not path.exists():
                path.write_bytes(blob)
            back = mdlcodec.decode(path.read_bytes(), x)
            same = back.dtype == y.dtype and back.tobytes() == y.tobytes()
            results[name] = hashlib.sha256(blob).hexdigest(), same
        except MdlcodecError as error:
            results[name] = "refused", str(error)
    print(json.dumps(results))


def main() -> None:
    """Runs it all and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="settings whose name contains this, besides the first")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.child:
        value, where, folder = told.child
        child(int(value), where, told.threads, Path(folder))
        return
    rows, first = [], None
    states = list(itertools.product(_WHERE, _ROUNDINGS.items(), (0, _FLUSH), (0, _ZERO)))
    with tempfile.TemporaryDirectory() as folder:
        for where, (rounding, bits), flush, zero in states:
            name = f"{where}: {rounding}{', FTZ' if flush else ''}{', DAZ' if zero else ''}"
            if first is not None and told.only not in name:
                continue
            arguments = ["--child", str(_CLEAN | bits | flush | zero), where, folder, "--threads"]
            done = subprocess.run(
                [sys.executable, __file__, *arguments, str(told.threads)],
                capture_output=True,
                text=True,
                env=dict(os.environ, PYTHONPATH=str(Path(__file__).parent.parent)),
            )
            results = json.loads(done.stdout) if done.returncode == 0 else {}
            first = first or results
            answers = []
            for set_name in SETS:
                digest, decoded = results.get(set_name, ("failed", done.stderr.strip()[-200:]))
                if digest in ("refused", "failed"):
                    answers.append(f"{digest}: {decoded}")
                else:
                    same = digest == first[set_name][0] and decoded is True
                    answers.append("same" if same else "OTHER")
            rows.append((name, answers))
            print(name, answers, flush=True)
    lines = [
        "# Files written and read in every state of the processor",
        "",
        f"`bench/processor_states.py --threads {told.threads}` on {processor()}. *same*: the bytes of the first "
        "setting, whose file it decodes to the same labels.",
        "",
        f"| state | {' | '.join(SETS)} |",
        f"|---|{'---|' * len(SETS)}",
        *(f"| {name} | {' | '.join(answers)} |" for name, answers in rows),
    ]
    if told.output is not None:
        told.output.write_text("\n".join(lines) + "\n")
    wrong = [name for name, answers in rows if any(not a.startswith(("same", "refused")) for a in answers)]
    print(f"{len(rows)} settings, {len(wrong)} wrong")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
