"""Bytes and weights under every setting that must not change them: a matrix of settings.

    python bench/portability.py -o bench/results/portability
        [--python NAME=COMMAND ...] [--only TEXT ...] [--labels N] [--seed S] [--caches DIR]

Every setting encodes the small sets of tests/label_sets.py in a process of its own, hashes all weights after
every block of labels (SHA-256), and decodes what the others wrote. Settings are threads, engines (those that
the interpreter's own process offers), instruction sets, batches of predictions, coders, the guard, a GPU when
there is one, and other interpreters: other versions of torch, numpy and numba, or another processor under
emulation, such as

    --python 'torch 2.6=/path/to/venv/bin/python'
    --python 'arm64=qemu-aarch64-static -L ROOT ROOT/usr/bin/python3.11'

Each interpreter must have the program's requirements; COMMAND is split as a shell would. --caches keeps what
numba compiles (a folder for each interpreter and instruction set) for the next run. --only takes the settings
whose names contain a text, beside the first, which all are compared with. Rows with the same letter
agree. As a control, a column has the weights of an ordinary float32 training, which may differ. Exit code 1
when a file, a weight or a label differs, or a setting fails. Writes OUT.json and OUT.md.
"""

import argparse
import json
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from label_sets import CASES
from machine import instruction_sets, processor
from portability_settings import Setting, run

_NO_GPU = "no GPU at hand"


@dataclass
class Row:
    """What one setting gave."""

    setting: Setting
    files: dict[str, bytes] = field(default_factory=dict)
    observed: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    decoded: int = 0  # different sets of files that it decoded
    seconds: float = 0.0

    @property
    def weights(self) -> dict:
        """Hashes of the weights at the end, by set."""
        return self.observed["weights"]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["(no message)"])[-1]


def describe(name: str, interpreter: tuple[str, ...]) -> dict:
    """What the worker says of itself under an interpreter."""
    done = run(Setting(name, interpreter=interpreter), "describe", caches=None)
    if done.returncode:
        raise SystemExit(
            f"{name}: {shlex.join(interpreter)}: exit {done.returncode}: {_last_line(done.stderr)}"
        )
    return json.loads(done.stdout)


def settings_here(description: dict, engines: list[str]) -> list[Setting]:
    """Every setting of the interpreter that runs this script."""
    x86 = description["machine"] in ("x86_64", "AMD64")
    sets = ["all", "AVX2", "SSE4.1"] if x86 else ["all"]
    rows = [
        Setting(
            f"{engine}, {instructions} instructions", instructions, environment={"MDLCODEC_ENGINE": engine}
        )
        for engine in engines
        for instructions in sets
    ]
    for engine in engines:
        chosen = {"MDLCODEC_ENGINE": engine}
        rows.append(Setting(f"{engine}, two threads", threads=2, environment=chosen))
        guarded = chosen | {"MDLCODEC_GUARD": "1"}
        rows.append(Setting(f"{engine}, guard", environment=guarded))
        rows.append(
            Setting(f"{engine}, numba told of no instructions", "unknown processor", environment=chosen)
        )
    for size in ("1", "3"):
        chosen, arguments = {"MDLCODEC_ENGINE": engines[0]}, ("--predicted-at-once", size)
        name = f"{engines[0]}, {size} predicted at once"
        rows.append(Setting(name, environment=chosen, arguments=arguments))
    for coder in ("constriction", "numba") if description["versions"]["constriction"] else ("numba",):
        chosen = {"MDLCODEC_ENGINE": engines[0], "MDLCODEC_CODER": coder}
        rows.append(Setting(f"{engines[0]}, {coder} coder", environment=chosen))
    if x86:
        both = {"MDLCODEC_ENGINE": engines[-1], "MDLCODEC_CODER": "numba"}
        rows.append(Setting(f"{engines[-1]}, SSE4.1, two threads, numba coder", "SSE4.1", 2, both))
    return rows


def settings_elsewhere(name: str, interpreter: tuple[str, ...], engines: list[str]) -> list[Setting]:
    """The engines of another interpreter."""
    return [
        Setting(f"{name}, {engine}", environment={"MDLCODEC_ENGINE": engine}, interpreter=interpreter)
        for engine in engines
    ]


def encode(setting: Setting, folder: Path, more: list[str], caches: Path) -> Row:
    """Encodes under a setting."""
    row, start = Row(setting), time.perf_counter()
    done = run(setting, "encode", str(folder), *more, caches=caches)
    row.seconds = time.perf_counter() - start
    if done.returncode:
        row.problems.append(f"encode: exit {done.returncode}: {_last_line(done.stderr)}")
        return row
    row.files = {file.stem: file.read_bytes() for file in sorted(folder.glob("*.mdl"))}
    row.observed = json.loads((folder / "observed.json").read_text())
    if row.observed["contracted"]:
        row.problems.append("numba contracts a * b + c to one rounding")
    return row


def first_difference(row: Row, reference: Row) -> str | None:
    """What was computed differently first: the array's name, by set."""
    found = []
    for case, expected in reference.observed["seen"].items():
        seen = row.observed["seen"].get(case)
        if seen is None:  # what a device does not compute
            continue
        for name in expected:
            if seen.get(name) != expected[name]:
                found.append(f"{case}: {name}")
                break
        else:
            if row.weights.get(case) != reference.weights.get(case):
                found.append(f"{case}: weights at the end")
            elif row.files.get(case) != reference.files.get(case):
                found.append(f"{case}: bytes of the file, though all scores agree")
    return "differs first: " + "; ".join(found) if found else None


def decode_all(rows: list[Row], work: Path, more: list[str], caches: Path) -> int:
    """Decodes every different set of files under every setting; returns how many sets there are."""
    folders: dict[tuple, Path] = {}
    for row in rows:
        if row.files and tuple(row.files.items()) not in folders:
            folder = work / f"files{len(folders)}"
            folder.mkdir()
            for name, blob in row.files.items():
                (folder / f"{name}.mdl").write_bytes(blob)
            folders[tuple(row.files.items())] = folder
    for row in rows:
        for number, folder in enumerate(folders.values()):
            start = time.perf_counter()
            done = run(row.setting, "decode", str(folder), *more, caches=caches)
            row.seconds += time.perf_counter() - start
            row.decoded += not done.returncode
            if done.returncode:
                files = chr(ord("A") + number)
                row.problems.append(
                    f"decode files {files}: exit {done.returncode}: {_last_line(done.stderr)}"
                )
        print(f"decoded under {row.setting.name}: {row.decoded} of {len(folders)}", flush=True)
    return len(folders)


def _letters(values: list) -> list[str]:
    """A for the first value and all that equal it, B for the next, ...; - for what is missing."""
    known: list = []
    for value in values:
        if value and value not in known:
            known.append(value)
    return [chr(ord("A") + known.index(value)) if value else "-" for value in values]


def result(rows: list[Row], sets: int, more: dict) -> dict:
    """Everything that is written, as JSON has it."""
    done = [row for row in rows if row.observed]
    files, weights, control = (
        dict(zip([row.setting.name for row in done], _letters(values), strict=True))
        for values in (
            [row.files for row in done],
            [row.weights for row in done],
            [row.observed["control"] for row in done],
        )
    )
    table = []
    for row in rows:
        name, seen = row.setting.name, row.observed.get("description", {})
        table.append(
            {
                "setting": name,
                "files": files.get(name, "-"),
                "weights": weights.get(name, "-"),
                "decodes": f"{row.decoded} of {sets}",
                "control": control.get(name, "-"),
                "fused": row.observed.get("contracted"),
                "torch": seen.get("versions", {}).get("torch"),
                "numpy": seen.get("versions", {}).get("numpy"),
                "numba": seen.get("versions", {}).get("numba"),
                "constriction": seen.get("versions", {}).get("constriction"),
                "aten": seen.get("aten"),
                "numpy_features": seen.get("numpy"),
                "numba_target": seen.get("numba"),
                "threads": seen.get("threads"),
                "seconds": round(row.seconds, 1),
                "problems": row.problems,
            }
        )
    first = done[0] if done else None
    return more | {
        "sets": {
            case: {
                "labels": min(len(y), more["labels"] or len(y)),
                "net": net,
                "bytes": len(first.files[case]) if first else None,
                "weights": first.weights[case] if first else None,
            }
            for case, (_, y, net, _) in CASES.items()
        },
        "rows": table,
    }


def markdown(found: dict) -> str:
    """The matrix and what it was made with."""
    rows, versions = found["rows"], found["versions"]
    bad = [row for row in rows if row["problems"]]
    arrays = sum(len(case["weights"] or {}) for case in found["sets"].values())
    lines = [
        "# The same bytes and weights everywhere",
        "",
        f"{len(rows)} settings; {len(bad) or 'none'} with a problem. Each encodes "
        + ", ".join(f"{name} ({case['labels']} labels)" for name, case in found["sets"].items())
        + f" at seed {found['seed']}, hashes {arrays} arrays of weights after every block of labels, and decodes "
        "every different set of files that any setting wrote. Rows with the same letter agree; the control is an "
        "ordinary float32 training of torch in the same process, which nothing holds together.",
        "",
        f"{found['processor']} ({', '.join(found['flags'])}); "
        + ", ".join(f"{name} {number}" for name, number in versions.items() if number)
        + " unless a row names others.",
        "",
        "| setting | torch | numpy | numba | ATen | numba's processor | files | weights | decodes | control | s |",
        "|---|---|---|---|---|---|---|---|---|---|---:|",
    ]
    for row in rows:
        cells = [row["setting"], row["torch"], row["numpy"], row["numba"], row["aten"]]
        cells.append((row["numba_target"] or {}).get("processor"))
        cells += [row["files"], row["weights"], row["decodes"], row["control"], f"{row['seconds']:.0f}"]
        lines.append("| " + " | ".join(cell or "-" for cell in cells) + " |")
    for name, reason in found["not_run"].items():
        lines.append(f"| {name} | {' | '.join(['-'] * 5)} | {reason} | - | - | - | - |")
    lines.append("")
    others = [row["setting"] for row in rows if row["control"] not in ("A", "-")]
    lines.append(
        f"The control differs from the first row's in {len(others)}: {'; '.join(others)}."
        if others
        else "The control was the same in every row: these settings show nothing about float32."
    )
    lines.append("")
    lines += [f"- **{row['setting']}**: {problem}" for row in bad for problem in row["problems"]]
    return "\n".join(lines).rstrip() + "\n"


def _interpreter(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, command = text.partition("=")
    if not equals or not shlex.split(command):
        raise argparse.ArgumentTypeError(f"{text!r}: give NAME=COMMAND")
    return name, tuple(shlex.split(command))


def main() -> None:
    """Runs every setting and writes both files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", type=Path, required=True)
    parser.add_argument("--python", type=_interpreter, action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--labels", type=int, help="the first so many of each set; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--caches", type=Path)
    options = parser.parse_args()
    here = describe("this interpreter", (sys.executable,))
    engines = [name for name in here["engines"] if name != "cuda"]
    settings, not_run = settings_here(here, engines), {}
    if here["gpu"] and "cuda" in here["engines"]:
        settings.append(Setting(f"cuda, {here['gpu']}", environment={"MDLCODEC_ENGINE": "cuda"}))
    else:
        not_run["GPU"] = "no engine for it" if here["gpu"] else _NO_GPU
    for name, interpreter in options.python:
        there = [engine for engine in describe(name, interpreter)["engines"] if engine != "cuda"]
        settings += settings_elsewhere(name, interpreter, there)
    if options.only:
        wanted = [setting for setting in settings[1:] if any(text in setting.name for text in options.only)]
        settings = [settings[0], *wanted]
    more = ["--seed", str(options.seed)] + (["--labels", str(options.labels)] if options.labels else [])
    with tempfile.TemporaryDirectory() as folder:
        work, rows = Path(folder), []
        caches = (options.caches or work / "numba").absolute()
        for number, setting in enumerate(settings):
            (work / str(number)).mkdir()
            rows.append(encode(setting, work / str(number), more, caches))
            print(f"encoded under {setting.name}: {rows[-1].seconds:.0f} s", *rows[-1].problems, flush=True)
        complete = [row for row in rows if row.observed]
        for row in complete[1:]:
            difference = first_difference(row, complete[0])
            row.problems += [difference] if difference else []
        sets = decode_all(rows, work, more, caches)
    about = {
        "processor": processor(),
        "flags": instruction_sets(),
        "versions": here["versions"],
        "seed": options.seed,
        "labels": options.labels,
        "not_run": not_run,
    }
    found = result(rows, sets, about)
    options.o.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    options.o.with_suffix(".md").write_text(markdown(found))
    print(markdown(found))
    if any(row.problems for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
